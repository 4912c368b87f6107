#!/usr/bin/env bash
# The units' SystemCallFilter allows every system call that the programs are seen to make (strace), as a user without rights.
# ci/systemd tries the units whole; here is what of it needs no machine.
# Call: tools/tests/units.sh TOA CORPUS UNITS      without strace or systemd-analyze: skipped (77)
set -uo pipefail
toa=$(realpath "$1")
corpus=$(realpath "$2")
units=$(realpath "$3")
scratch=$(mktemp -d)
chmod 777 "$scratch"
trap 'rm -rf "$scratch"' EXIT
if ! strace -o /dev/null true 2>/dev/null || ! command -v systemd-analyze >/dev/null; then
    echo 'SKIPPED: no strace, or it may not trace, or no systemd-analyze: the lists of the units are NOT tested'
    exit 77
fi

cat >"$scratch/compare.py" <<'PY'
import re, subprocess, sys

def expand(name):
    if not name.startswith("@"):
        return {name}
    text = subprocess.run(["systemd-analyze", "syscall-filter", name], capture_output=True, text=True, check=True).stdout
    lines = [line.strip() for line in text.splitlines()[1:]]
    return set().union(*(expand(line) for line in lines if line and not line.startswith("#")))

allowed = expand("@default")
for line in re.findall(r"^SystemCallFilter=(.*)", open(sys.argv[1]).read(), re.M):
    names = set().union(*map(expand, line.lstrip("~").split()))
    allowed = allowed - names if line.startswith("~") else allowed | names
calls = set(re.findall(r"^\d+\s+(?:<\.\.\. )?(\w+)[( ]", open(sys.argv[2]).read(), re.M)) - {"exited", "killed"}
print(len(calls), "system calls; refused:", " ".join(sorted(calls - allowed)) or "none")
PY

poor=()
((EUID != 0)) || poor=(setpriv --reuid 65534 --regid 65534 --clear-groups --inh-caps -all --bounding-set -all)
n_failed=0
# Runs until it has said PATTERN, which has a place in parentheses; `use` of that place prints what is `wanted`.
row() { # UNIT PATTERN ARGUMENT...
    local unit=$1 pattern=$2 process
    shift 2
    rm -f "$scratch/trace"
    : >"$scratch/said"
    (cd "$corpus" && exec "${poor[@]}" strace -D -f -qq -o "$scratch/trace" "$toa" "$@" 2>"$scratch/said") &
    process=$!
    for _ in {1..200}; do
        ! grep -qE "$pattern" "$scratch/said" || break
        sleep 0.05
    done
    use "$(sed -nE "s#.*$pattern.*#\\1#p" "$scratch/said")" >"$scratch/used" 2>&1
    kill "$process"
    wait "$process" || n_failed=$((n_failed + 1))
    sleep 0.2 # the tracer writes the rest
    python3 "$scratch/compare.py" "$units/$unit.service.in" "$scratch/trace" >"$scratch/out" 2>&1
    if grep -qE '^[1-9][0-9]+ system calls; refused: none$' "$scratch/out" && grep -q "$wanted" "$scratch/used"; then
        echo "ok: $unit: $(cat "$scratch/out")"
    else
        n_failed=$((n_failed + 1))
        echo "FAILED: $unit:"
        cat "$scratch/out" "$scratch/said" "$scratch/used"
    fi
}

use() { "$toa" query --server "$1" 10.0.1.7:40001; }
wanted='^192.0.2.147:39999'
row toa 'listening on (127\.0\.0\.1:[0-9]+)' \
    serve --listen 127.0.0.1:0 --read cases/showcase.pcap --at 6 --control "$scratch/control"

use() { python3 -c 'import sys, urllib.request; print(urllib.request.urlopen(sys.argv[1], timeout=20).read().decode())' "$1"; }
wanted='^toa_up 0'
row toa-metrics '(http://127[^ ]*/metrics)' ctl metrics --listen 127.0.0.1:0 --socket "$scratch/control"

exit $((n_failed != 0))
