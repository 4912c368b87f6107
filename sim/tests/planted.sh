#!/usr/bin/env bash
# A planted fault is found, shrunk to a few operations, and written as a case that holds with the
# right engine: what the model says is what the engine says, to the last line.
# Call: planted.sh SIMULATE_PLANTED TOA DIRECTORY
set -euo pipefail
simulate=$1 toa=$2 directory=$3
mkdir -p "$directory"
rm -f "$directory"/*.case "$directory"/*.pcap

status=0
"$simulate" --operations 100000 --write "$directory" >"$directory/out" || status=$?
((status == 1)) || { echo "not found: status $status"; tail -n 20 "$directory/out"; exit 1; }
grep -q "another answer than the model's" "$directory/out"
grep -qE '^shrunk to [23] operations' "$directory/out"
# shellcheck disable=SC2012
case=$(ls "$directory"/sim-*.case)
tail -n 1 "$directory/out"
cat "$case"
grep -qE '^ask .* expired ago=0' "$case"
key=$(sed -n 's/^# Holds with: toa check --hash-key //p' "$case")
"$toa" check --hash-key "$key" "$case"

# And a whole world as a case: thousands of frames and asks.
for seed in 7 12; do
    "$simulate" --seed "$seed" --world 3000 --record --write "$directory" >/dev/null || true
    key=$(sed -n 's/^# Holds with: toa check --hash-key //p' "$directory/sim-$seed.case")
    "$toa" check --hash-key "$key" "$directory/sim-$seed.case"
done
