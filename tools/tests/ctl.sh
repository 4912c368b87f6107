#!/usr/bin/env bash
# toa ctl, and the metrics over HTTP, as users meet them. A row is a sentence.
# Call: tools/tests/ctl.sh TOA CORPUS
set -uo pipefail
toa=$(realpath "$1")
corpus=$(realpath "$2")
clients=$(realpath "$(dirname "$0")")/exporter.py
scratch=$(mktemp -d)
chmod 777 "$scratch"
daemon=
exporter=
trap 'for pid in $daemon $exporter; do kill "$pid"; done; rm -rf "$scratch"' EXIT
cd "$corpus" || exit 1
n_passed=0
n_failed=0

# The command ends with STATUS, and PATTERN is in its output.
row() { # SENTENCE STATUS PATTERN COMMAND...
    local sentence=$1 status=$2 pattern=$3
    shift 3
    timeout 60 "$@" >"$scratch/out" 2>&1 </dev/null
    local got=$?
    if [ "$got" -eq "$status" ] && grep -qE -- "$pattern" "$scratch/out"; then
        n_passed=$((n_passed + 1))
    else
        n_failed=$((n_failed + 1))
        printf 'FAILED: %s (wanted %s and /%s/, got %s)\n' "$sentence" "$status" "$pattern" "$got"
        head -n 8 "$scratch/out" | sed 's/^/    /'
    fi
}

ctl=("$toa" ctl -s "$scratch/s")

wait_for() { # PATTERN FILE
    for _ in {1..200}; do
        ! grep -q -- "$1" "$2" 2>/dev/null || return 0
        sleep 0.05
    done
}

start() { # ARGUMENT...
    rm -f "$scratch/daemon.err"
    "$toa" serve --listen 127.0.0.1:0 --read cases/showcase.pcap --at 6 --control "$scratch/s" "$@" \
        2>"$scratch/daemon.err" </dev/null &
    daemon=$!
    for _ in {1..200}; do
        ! "${ctl[@]}" stats >/dev/null 2>&1 || break
        sleep 0.05
    done
    at=$(sed -n 's/^toa serve: listening on //p' "$scratch/daemon.err")
}

stop() {
    kill -TERM "$daemon"
    wait "$daemon"
    daemon=
}
# ---- What is wrong
row 'something must be asked for' 2 'stats, metrics, mappings' "$toa" ctl
row 'and be known' 2 'stats, metrics, mappings' "$toa" ctl stat
row 'options go with it' 2 'does not go with' "$toa" ctl flush --json
row 'one form' 2 'not both' "$toa" ctl stats --json --module
row 'without a service it says so' 4 "$scratch/s: No such file" "${ctl[@]}" stats
touch "$scratch/file"
row 'a file that is there is not removed' 4 'there is something else' \
    timeout 20 "$toa" serve --listen 127.0.0.1:0 --read cases/showcase.pcap --control "$scratch/file"

# ---- Asking
start
"$toa" query --server "$at" 10.0.1.8:40102 >/dev/null
"$toa" query --server "$at" 10.0.1.8:40103 >/dev/null
row 'stats are those of the summary' 0 '^answers: 1 found, 1 no_option$' "${ctl[@]}" stats
row 'stats as JSON' 0 '"answers":[{]"found":1,"no_option":1[}]' "${ctl[@]}" stats --json
row 'it is JSON' 0 '^2$' bash -c "'$toa' ctl -s '$scratch/s' stats --json |
    python3 -c 'import json, sys; print(json.load(sys.stdin)[\"datagrams\"][\"version_2\"])'"
row 'stats by the names of the kernel modules' 0 '^getname_toa_ok           :         1 $' "${ctl[@]}" stats --module
row 'who is who' 0 '^10.0.1.8:40103>10.0.0.80:443 = 203.0.113.130:51999 254 data 3.719756000$' "${ctl[@]}" mappings
row 'and nobody else' 0 '^9$' bash -c "'$toa' ctl -s '$scratch/s' mappings | wc -l"
row 'all flows, with the reason' 0 '^10.0.1.8:40102>10.0.0.80:443 no_option 4.096623000$' "${ctl[@]}" mappings --all
row 'mappings as JSON' 0 '"fake":"10.0.1.7:40003".*"vip":"198.51.100.80:443","result":"found"' "${ctl[@]}" mappings --json
row 'one that has a client is explained' 0 '^10.0.1.8:40103: 203.0.113.130:51999, by option 254 on the data$' "${ctl[@]}" explain 10.0.1.8:40103
row 'one connection is explained' 1 '^10.0.1.8:40102: no_option$' "${ctl[@]}" explain 10.0.1.8:40102
row 'and what to do' 1 '^to do: There was room for the option of an IPv4 client' "${ctl[@]}" explain '10.0.1.8:40102>10.0.0.80:443'
row 'of a file no segments are kept' 1 '^segments: of a file none are kept' "${ctl[@]}" explain 10.0.1.8:40102
row 'one that nobody saw, too' 1 '^meaning: No SYN of this connection was seen.$' "${ctl[@]}" explain 10.9.9.9:9
row 'what is no endpoint is said' 2 "explain.*'10.0.1.8': not IP:PORT" "${ctl[@]}" explain 10.0.1.8
row 'nor is a server without a port' 2 'not IP:PORT' "${ctl[@]}" explain '10.0.1.8:40102>10.0.0.80'
row 'a user is for the exporter' 2 'does not go with' "${ctl[@]}" stats --user nobody
row 'explain needs one' 2 'one endpoint' "${ctl[@]}" explain
row 'what comes from a file is not flushed' 4 'comes from a file' "${ctl[@]}" flush
row 'reload' 0 '^reloaded$' "${ctl[@]}" reload
row 'it is counted' 0 '^service: 1 reloads' "${ctl[@]}" stats
if [ "$(id -u)" -eq 0 ]; then
    stranger=(setpriv --reuid=65534 --regid=65534 --clear-groups)
    row 'who may connect gets stats' 0 '^answers: ' "${stranger[@]}" "${ctl[@]}" stats
    row 'but not who is connected' 4 'only root' "${stranger[@]}" "${ctl[@]}" mappings
    row 'nor what one is' 4 'only root' "${stranger[@]}" "${ctl[@]}" explain 10.0.1.8:40102
    row 'and changes nothing' 4 'only root' "${stranger[@]}" "${ctl[@]}" reload
    row 'others do not connect' 4 'Permission denied' setpriv --reuid=65533 --regid=65533 --clear-groups "${ctl[@]}" stats
    row 'for that is its mode' 0 '^srw-rw----$' stat -c %A "$scratch/s"
fi
if [ "$(id -u)" -eq 0 ]; then
    "$toa" serve --listen 127.0.0.1:0 --read cases/showcase.pcap --control "$scratch/run/s" --user daemon 2>"$scratch/second.err" &
    second=$!
    wait_for 'listening on' "$scratch/second.err"
    for _ in {1..200}; do
        ! "$toa" ctl -s "$scratch/run/s" stats >/dev/null 2>&1 || break
        sleep 0.05
    done
    row 'its directory is made, and belongs to the same' 0 '^750 daemon$' stat -c '%a %U' "$scratch/run"
    "$toa" ctl -s "$scratch/run/s" metrics --listen 127.0.0.1:0 2>"$scratch/exporter.err" &
    exporter=$!
    wait_for 'metrics on' "$scratch/exporter.err"
    url=$(sed -n 's/^toa ctl: metrics on //p' "$scratch/exporter.err")
    row 'an exporter of root becomes the owner of the socket' 0 '^toa_up 1$' \
        python3 -c 'import sys, urllib.request; print(urllib.request.urlopen(sys.argv[1], timeout=20).read().decode())' "$url"
    kill "$exporter"
    wait "$exporter"
    exporter=
    rm "$scratch/exporter.err" # or its address would be taken for the next one's
    row 'one that may not open it ends' 4 'not allowed for who this is' \
        timeout 10 "$toa" ctl -s "$scratch/run/s" metrics --listen 127.0.0.1:0 --user nobody
    kill "$second"
    wait "$second"
fi
row 'a second service does not take it away' 4 'another service listens there' \
    timeout 20 "$toa" serve --listen 127.0.0.1:0 --read cases/showcase.pcap --control "$scratch/s"

# ---- Messages that come too fast
cat >"$scratch/reload.py" <<'PY'
import socket, sys
for _ in range(100):
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(sys.argv[1])
        s.sendall(b"reload\n")
        while s.recv(1000):
            pass
PY
python3 "$scratch/reload.py" "$scratch/s"
for _ in {1..200}; do
    ! tail -n 1 "$scratch/daemon.err" | grep -q 'messages were left out$' || break
    sleep 0.05
done
row 'what was left out is told when nothing more comes' 0 ': [0-9]+ messages were left out$' tail -n 1 "$scratch/daemon.err"

# ---- Clients that do not behave
cat >"$scratch/rude.py" <<'PY'
import socket, sys, time
def connect():
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(20)
    s.connect(sys.argv[1])
    return s
silent = [connect() for _ in range(12)]        # more than there are places
s = connect(); s.close()
begin = time.time()
ended = sum(one.recv(10) == b"" for one in silent[:8])
s = connect(); s.sendall(b"x" * 300)
try:
    long = s.recv(10)                            # too long a line: hung up on
except ConnectionResetError:
    long = b""
s = connect(); s.sendall(b"nonsense\n")
unknown = b""
while (more := s.recv(1000)):
    unknown += more
print(ended, 4 < time.time() - begin < 12, long, unknown.startswith(b"error: no such command"))
PY
row 'silent clients go after 5 s; long lines are no lines' 0 "^8 True b'' True$" python3 "$scratch/rude.py" "$scratch/s"
row 'and the service answers as ever' 0 '203.0.113.130' "$toa" query --server "$at" 10.0.1.8:40103

# ---- Metrics
"${ctl[@]}" metrics --listen 127.0.0.1:0 2>"$scratch/exporter.err" &
exporter=$!
wait_for 'metrics on' "$scratch/exporter.err"
url=$(sed -n 's/^toa ctl: metrics on //p' "$scratch/exporter.err")
cat >"$scratch/get.py" <<'PY'
import sys, urllib.request
with urllib.request.urlopen(sys.argv[1], timeout=20) as answer:
    print(answer.read().decode(), end="")
PY
get=(python3 "$scratch/get.py")
row 'its clients, and those that do not behave' 0 ' 0 failed$' "$clients" "$url"
row 'metrics have the reason as label' 0 '^toa_answers_total[{]result="no_option"[}] 1$' "${get[@]}" "$url"
row 'have no address of a client' 0 '^0$' bash -c "python3 '$scratch/get.py' '$url' | grep -cE '10\.0\.|203\.0\.' || true"
row 'two do not listen there' 4 'cannot listen on .*: Address already in use' \
    "${ctl[@]}" metrics --listen "$(sed 's,http://\(.*\)/metrics,\1,' <<<"$url")"
if command -v promtool >/dev/null; then
    row 'promtool finds nothing to say' 0 '^0$' bash -c "python3 '$scratch/get.py' '$url' | promtool check metrics; echo \$?"
else
    echo 'SKIPPED: no promtool: the metrics are NOT checked by it'
fi
kill -STOP "$daemon"
row 'when the service hangs, toa_up is 0, before Prometheus gives up' 0 '^toa_up 0$' timeout 9 "${get[@]}" "$url"
kill -CONT "$daemon"
stop
row 'without the service, toa_up is 0' 0 '^toa_up 0$' "${get[@]}" "$url"
rm -f "$scratch/s"
python3 -c 'import socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])' "$scratch/s" # as one that was killed
start
row 'what was left behind is no obstacle' 0 '^toa_up 1$' "${get[@]}" "$url"
kill -TERM "$exporter"
wait "$exporter"
row 'TERM ends it cleanly' 0 '^0$' echo $?
exporter=
stop

# ---- The lines of the README, but for the port
cp cases/showcase.pcap "$scratch/capture.pcap"
sed -n '/^## Use it/,/^## Link it/s/^\(toa serve\|toa query\|toa ctl\) \([^#]*[^# ]\).*/\1 \2/p' ../README.md >"$scratch/lines"
cat >"$scratch/readme.sh" <<'SH'
toa() { if [ "$1" = serve ]; then exec "$program" "$@" --listen 127.0.0.1:0; else "$program" "$@"; fi; }
eval "$(grep '^toa serve' lines)"
for _ in {1..200}; do
    [ ! -S control ] || break
    sleep 0.05
done
eval "$(grep '^toa ctl' lines)"
status=$?
kill %1
exit $status
SH
row 'the README tells of a service, and asks it' 1 '^10.0.1.8:40102: no_option$' \
    env -C "$scratch" program="$toa" bash -m readme.sh

printf '%d passed, %d failed\n' "$n_passed" "$n_failed"
[ "$n_failed" -eq 0 ]
