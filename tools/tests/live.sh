#!/usr/bin/env bash
# The daemon on a live capture, in namespaces of its own: what it answers, what it may, what it
# records, and that a replay of the record comes to the same answers. A row is a sentence.
# Call: tools/tests/live.sh TOA      needs root, or user namespaces; else it is skipped (77), loudly
set -uo pipefail
toa=$(realpath "$1")
if [ "${2-}" != inside ]; then
    for how in "unshare -n -m" "unshare -r -n -m"; do
        # shellcheck disable=SC2086
        if $how python3 -c 'import socket; socket.socket(socket.AF_PACKET, socket.SOCK_RAW)' 2>/dev/null; then
            # shellcheck disable=SC2086
            exec $how "$0" "$toa" inside
        fi
    done
    echo "SKIPPED: no network namespace, or no packet sockets in it: the live daemon is NOT tested"
    exit 77
fi

scratch=$(mktemp -d)
chmod 755 "$scratch"
daemon=
trap '[ -z "$daemon" ] || kill "$daemon"; umount "$scratch/small" 2>/dev/null; rm -rf "$scratch"' EXIT
cd "$scratch" || exit 1
ip link set lo up
n_passed=0
n_failed=0

row() { # SENTENCE STATUS TEXT COMMAND...
    local sentence=$1 status=$2 text=$3
    shift 3
    timeout 60 "$@" >out 2>&1 </dev/null
    local got=$?
    if [ "$got" -eq "$status" ] && grep -qE -- "$text" out; then
        n_passed=$((n_passed + 1))
    else
        n_failed=$((n_failed + 1))
        printf 'FAILED: %s (wanted %s and /%s/, got %s)\n' "$sentence" "$status" "$text" "$got"
        head -n 8 out | sed 's/^/    /'
    fi
}

as=()
start() { # COMMAND...; by way of the command in $as
    rm -f daemon.err # or the last one's would be read
    "${as[@]}" "$toa" "$@" >daemon.out 2>daemon.err </dev/null &
    daemon=$!
    for _ in {1..200}; do
        ! grep -q capturing daemon.err 2>/dev/null || break
        sleep 0.05
    done
}

stop() { # SIGNAL
    kill -"$1" "$daemon"
    wait "$daemon"
    ended=$?
    daemon=
}

# connections FIRST N [ask]: handshakes of 127.0.0.1 with a TOA on the ACK; with `ask`, each is asked
# for at once. Prints how many were known in that moment.
cat >connections.py <<'PY'
import socket, struct, sys
first, n, ask = int(sys.argv[1]), int(sys.argv[2]), len(sys.argv) > 3
raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
udp.connect(("127.0.0.1", 9999))
udp.settimeout(5)
me = socket.inet_aton("127.0.0.1")
def send(port, seq, flags, options=b""):
    tcp = struct.pack("!HHIIBBHHH", port, 8080, seq, 0, (20 + len(options)) // 4 << 4, flags, 999, 0, 0)
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(tcp + options), 1, 0, 64, 6, 0, me, me)
    raw.sendto(ip + tcp + options, ("127.0.0.1", 0))
known = 0
for i in range(n):
    port = first + i
    send(port, 1000, 2)
    send(port, 1001, 16, struct.pack("!BBH4s", 254, 8, port, bytes([203, 0, 113, 9])))
    if ask:
        udp.send(struct.pack("!I4sH", i, me, port))
        known += udp.recv(100) == struct.pack("!IB4sH", i, 0, bytes([203, 0, 113, 9]), port)
        udp.send(struct.pack("!I4sH", i, me, port + 20000))
        udp.recv(100)
print(known, "known")
PY
connections=(python3 connections.py)

serve=(serve -i lo --server any:8080)
start "${serve[@]}" --control "$scratch/control" --record "$scratch/day" --record-size 100000 --record-files 50
row 'it captures' 0 'capturing on lo' cat daemon.err
if [ "$(awk '/^Uid/ { print $2 }' /proc/self/status)" = 0 ] && [ "$(wc -l </proc/self/uid_map)" = 1 ] &&
    grep -q ' 4294967295$' /proc/self/uid_map; then
    row 'root has become nobody' 0 '^Uid:	65534	65534	65534	65534$' cat "/proc/$daemon/status"
fi
row 'CAP_NET_RAW is all that it has' 0 '^CapEff:	0000000000002000$' cat "/proc/$daemon/status"
row 'and all that it can have' 0 '^CapPrm:	0000000000002000$' cat "/proc/$daemon/status"
row 'it is in the sandbox' 0 '^Seccomp:	2$' cat "/proc/$daemon/status"
row 'nothing is gained by starting a program' 0 '^NoNewPrivs:	1$' cat "/proc/$daemon/status"
row 'nor inherited' 0 '^CapInh:	0000000000000000$' cat "/proc/$daemon/status"
row 'nor ambient' 0 '^CapAmb:	0000000000000000$' cat "/proc/$daemon/status"
for thread in "/proc/$daemon/task"/*; do
    row 'every thread is as poor' 0 '^CapPrm:	0000000000002000$' cat "$thread/status"
    row 'every thread is, too' 0 '^Seccomp:	2$' cat "$thread/status"
done
row 'every connection is known in the moment that it is there' 0 '^2000 known$' "${connections[@]}" 10001 2000 ask
row 'version 2 knows it too' 0 '203.0.113.9:10001 254 ack' "$toa" query 127.0.0.1:10001
"$toa" query 127.0.0.1:9000 --wait 10000 >waited 2>&1 &
asker=$!
sleep 0.3
"${connections[@]}" 9000 1 >/dev/null
wait "$asker"
row 'who waits is answered when the client is known' 0 '203.0.113.9:9000 254 ack' cat waited
kill -HUP "$daemon"
sleep 0.3
row 'a reload without change keeps all mappings' 0 'all mappings are kept' cat daemon.err
row 'they answer' 0 '203.0.113.9:10001 254 ack' "$toa" query 127.0.0.1:10001
row 'toa ctl lists them' 0 '^200[0-9]$' bash -c "'$toa' ctl -s control mappings | wc -l"
row 'explains one' 0 '^ +[0-9.]+ s ago  ACK   learn       options 254/8:fe0836b0cb007109, 8 of 40 bytes; names 203.0.113.9:14000$' \
    bash -c "python3 connections.py 14000 1; '$toa' ctl -s control explain 127.0.0.1:14000"
row 'and says on which interface it was' 0 '^segments to 127.0.0.1:8080, on lo:$' "$toa" ctl -s control explain 127.0.0.1:14000
row 'and counts the frames' 0 '^capture: [4-9][0-9]{3} frames came up, 0 kernel drops' "$toa" ctl -s control stats
ip link set lo down
sleep 0.5
ip link set lo up
sleep 1
row 'an interface that was down is captured from again' 0 '^100 known$' "${connections[@]}" 13001 100 ask
cat >at_once.py <<'PY'
# at_once.py PID: 40 questions that wait for the daemon together, and how many answers there are
import os, signal, socket, struct, sys

daemon = int(sys.argv[1])
asker = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
asker.connect(("127.0.0.1", 9999))
asker.settimeout(5)
os.kill(daemon, signal.SIGSTOP)
try:
    for number in range(40):
        asker.send(struct.pack("!4sI4BHH4s60x", b"TOA\2", number, 1, 4, 0, 0, 0, 13001, bytes([127, 0, 0, 1])))
finally:
    os.kill(daemon, signal.SIGCONT)
answers = {asker.recv(200)[4:10] for _ in range(40)}
print(len(answers), "answers", {answer[5] for answer in answers})
PY
row 'who asks much at once is answered' 0 '^40 answers \{0\}$' python3 at_once.py "$daemon"
ip link set lo mtu 90
row 'also where the answers are too long for one packet each' 0 '^40 answers \{0\}$' python3 at_once.py "$daemon"
ip link set lo mtu 65536 && ip link set lo down && ip link set lo up # IPv6 is back, too
stop TERM
row 'TERM is a clean end' 0 '^0$' echo "$ended"
row 'nothing was dropped' 0 ' 0 kernel drops' cat daemon.err
row 'nothing was lost in the record' 0 ' 0 lost' cat daemon.err
row 'most answers are in the record' 0 'few' awk '/ answers left out/ { print $0; if ($10 < 1500) print "few" }' daemon.err
row 'the record has several files' 0 '^[1-9]' bash -c 'ls day/*.case | wc -l | grep -v "^1$"'
row 'a replay of the record comes to the same answers' 0 ' passed, 0 failed' "$toa" check day
row 'and there were thousands' 0 'queries of the service' "$toa" replay day/*.pcap
row 'a wrong answer in it would be seen' 1 'recorded 203\.0\.113\.8:[0-9]*, the engine says' bash -c "
    mkdir wrong && cp day/*-0000.case day/*-0000.pcap wrong &&
    python3 -c '
import glob
name = glob.glob(\"wrong/*.pcap\")[0]
data = open(name, \"rb\").read()
answer = bytes([0, 0, 0, 0, 0, 203, 0, 113, 9])
assert answer in data
open(name, \"wb\").write(data.replace(answer, answer[:-1] + bytes([8]), 1))' && \"$toa\" check wrong"

start "${serve[@]}" --record "$scratch/few" --record-size 65536 --record-files 2
"${connections[@]}" 10001 2000 ask >/dev/null
stop INT
row 'as many files are kept as may be' 0 '^4$' bash -c 'ls few | wc -l'
row 'what is kept replays' 0 '2 passed, 0 failed' "$toa" check few

# ---- the sandbox leaves it these files, and no others
mkdir conf kept elsewhere
chmod 777 kept elsewhere
printf 'Server = any:8080\nInterface = lo\nRecord = %s\n' "$scratch/kept" >conf/toa.conf
reload() { # TEXT of the configuration: by way of another file, as editors save it
    printf 'Server = any:8080\nInterface = lo\n%s\n' "$1" >conf/new
    mv conf/new conf/toa.conf
    : >daemon.err
    kill -HUP "$daemon"
    for _ in {1..100}; do
        ! grep -q reloaded daemon.err || break
        sleep 0.05
    done
}
start serve -c conf/toa.conf
"${connections[@]}" 10001 20 >/dev/null
sleep 0.5 # it is written
stop KILL 2>/dev/null
start serve -c conf/toa.conf
row 'what a killed one left in the record is looked at' 0 'capturing on lo' cat daemon.err
walled=yes
! grep -q 'no landlock' daemon.err || walled=no
reload ''
row 'the record is ended by a reload, of another file in its place' 0 'reloaded: all mappings are kept' cat daemon.err
reload "Record = $scratch/kept"
row 'and begun again' 0 'reloaded: all mappings are kept' cat daemon.err
if [ $walled = yes ]; then
    reload "Record = $scratch/elsewhere"
    row 'another directory than at the start takes a restart' 0 \
        'elsewhere: Permission denied, .*another directory than at the start takes a restart' cat daemon.err
    row 'and the old configuration goes on' 0 'not reloaded' cat daemon.err
else
    echo 'NOT TESTED: this kernel has no landlock: any directory will do for a record'
fi
"${connections[@]}" 10031 20 >/dev/null
stop TERM
row 'with its record' 0 'passed, 0 failed' "$toa" check kept
row 'and nothing in the other' 0 '^0$' bash -c 'ls elsewhere | wc -l'

start "${serve[@]}" --listen 127.0.0.1:9999 --listen 127.0.0.1:0 --listen '[::1]:9998' --record "$scratch/ports"
"${connections[@]}" 10001 20 >/dev/null
second=$(sed -n 's/.*listening on 127\.0\.0\.1:\([0-9]*\)$/\1/p' daemon.err | grep -v '^9999$')
for at in 127.0.0.1:9999 "127.0.0.1:$second" '[::1]:9998'; do
    row "it answers on $at" 0 '203.0.113.9:10007 254 ack' "$toa" query --server "$at" 127.0.0.1:10007
done
stop TERM
row 'the record names every port' 0 '^3$' grep -c "^service \(9999\|$second\|9998\)$" ports/*.case
row 'what was answered on each of them is compared' 0 '"queries":3,"agree":3[},]' "$toa" replay --summary --json \
    --server any:8080 --service 9999 --service "$second" --service 9998 ports/*.pcap
row 'and it agrees' 0 '1 passed, 0 failed' "$toa" check ports
mkdir wrong-ports
cp ports/* wrong-ports
python3 - "$second" wrong-ports/*.pcap <<'PY'
import struct, sys
port, name = struct.pack("!H", int(sys.argv[1])), sys.argv[2]
data = bytearray(open(name, "rb").read())
# An answer of version 2 (type 2), behind a UDP header that comes from this port.
found = [i for i in range(8, len(data)) if data[i:i + 4] == b"TOA\2" and data[i + 8] == 2 and data[i - 8:i - 6] == port]
data[data.index(bytes([203, 0, 113, 9]), found[0]) + 3] = 8
open(name, "wb").write(data)
PY
row 'a wrong answer of the second would be seen' 1 'recorded 203\.0\.113\.8:10007 254 ack, the engine says' \
    "$toa" check wrong-ports

mkdir small
if mount -t tmpfs -o size=300k,mode=777 none small 2>/dev/null; then
    start "${serve[@]}" --record "$scratch/small/r"
    row 'with a full disk, answering goes on' 0 '^3000 known$' "${connections[@]}" 10001 3000 ask
    sleep 0.3
    row 'and it is said that recording does not' 0 'recording ends: .*No space left' cat daemon.err
    stop TERM
    row 'what was recorded replays' 0 '1 passed, 0 failed' "$toa" check small/r
fi

as=(setpriv --reuid 65534 --regid 65534 --clear-groups --bounding-set=-all,+net_raw --inh-caps=-all,+net_raw
    --ambient-caps=-all,+net_raw)
if "${as[@]}" "$toa" version >/dev/null 2>&1; then
    start "${serve[@]}"
    row 'CAP_NET_RAW is all that it needs' 0 'capturing on lo' cat daemon.err
    row 'it was never anybody else' 0 '^Uid:	65534	65534	65534	65534$' cat "/proc/$daemon/status"
    row 'the right is no longer inherited' 0 '^CapAmb:	0000000000000000$' cat "/proc/$daemon/status"
    row 'and connections are known' 0 '^100 known$' "${connections[@]}" 10001 100 ask
    stop TERM
    row 'it ends cleanly' 0 '^0$' echo "$ended"
else
    echo "NOT TESTED with CAP_NET_RAW alone: nobody cannot run $toa here"
fi
as=()

mkdir new && chmod 777 new
start "${serve[@]}" --control "$scratch/control"
"${connections[@]}" 10001 10 >/dev/null
row 'it is known' 0 '203.0.113.9:10001' "$toa" query 127.0.0.1:10001
row 'a flush forgets it' 0 '^flushed' "$toa" ctl -s control flush
row 'and says so' 1 never_seen "$toa" query 127.0.0.1:10001
row 'and captures on' 0 '^100 known$' "${connections[@]}" 12001 100 ask
stop TERM
start capture -i lo --server any:8080 -w new/all.pcap --json
"${connections[@]}" 10001 50 >/dev/null
for _ in {1..100}; do
    ! grep -q '"frame":100,' daemon.out || break
    sleep 0.05
done
stop INT
row 'a capture ends cleanly' 0 '^0$' echo "$ended"
row 'its lines are those of a replay' 0 '"event":"learn","frame":100,' cat daemon.out
row 'its summary has the kernel drops' 0 '"mappings":50,"lookups":[{][}],"kernel_drops":0[}]$' cat daemon.out
row 'what it wrote replays to the same lines' 0 same bash -c \
    "cmp <(grep -v summary daemon.out) <(\"$toa\" replay --json --server any:8080 new/all.pcap | grep -v summary) && echo same"
start capture -i lo --server any:8080 -w new/cut.pcap --json
"${connections[@]}" 10001 20000 >/dev/null &
busy=$!
sleep 0.5
stop INT
wait "$busy"
row 'one that is ended among frames wrote those of its lines' 0 same bash -c \
    "cmp <(grep -v summary daemon.out) <(\"$toa\" replay --json --server any:8080 new/cut.pcap | grep -v summary) && echo same"
row 'and counts those' 0 "\"frames\":$("$toa" replay --summary --json new/cut.pcap | grep -o '"frames":[0-9]*' | grep -o '[0-9]*$')," \
    cat daemon.out
start capture -i lo --count 3
"${connections[@]}" 10001 50 >/dev/null
wait "$daemon"
row 'a count ends it' 0 '^0$' echo $?
row 'and its summary' 0 '^3 frames: ' cat daemon.out
daemon=
row 'an interface that is not there' 2 'no-such0' timeout 20 "$toa" capture -i no-such0
row 'a count is above 0' 2 'not a number above 0' timeout 20 "$toa" capture -i lo -c 0
row 'an interface must be named' 2 'no interface named' "$toa" capture
row 'a file that cannot be written' 4 'no/such/file' "$toa" capture -i lo -w no/such/file
row 'without rights it says so' 4 'CAP_NET_RAW|root|permi' setpriv --bounding-set=-net_raw --inh-caps=-net_raw "$toa" capture -i lo

printf '%d passed, %d failed\n' "$n_passed" "$n_failed"
[ "$n_failed" -eq 0 ]
