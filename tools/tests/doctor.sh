#!/usr/bin/env bash
# toa doctor on machines that lack something, in namespaces of its own. A row is a sentence.
# Call: tools/tests/doctor.sh TOA      needs root, or user namespaces; else it is skipped (77), loudly
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
    echo "SKIPPED: no network namespace, or no packet sockets in it: toa doctor is NOT tested"
    exit 77
fi

scratch=$(mktemp -d)
chmod 755 "$scratch"
pids=()
trap 'for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null; done; rm -rf "$scratch"' EXIT
cd "$scratch" || exit 1
ip link set lo up
n_passed=0
n_failed=0

# The pattern is in what was found last.
row() { # SENTENCE PATTERN
    if grep -qE -- "$2" found; then
        n_passed=$((n_passed + 1))
    else
        n_failed=$((n_failed + 1))
        printf 'FAILED: %s (wanted /%s/)\n' "$1" "$2"
        sed 's/^/    /' found
    fi
}

examine() { # ARGUMENT...; its output, and its status
    timeout 60 "$toa" doctor "$@" >found 2>&1 </dev/null
    echo "status $?" >>found
}

# traffic OPTION [syn] [long]: a handshake every 10 ms, with the option (hexadecimal) on the ACK, until ended.
cat >traffic.py <<'PY'
import socket, struct, sys, time
option = bytes.fromhex(sys.argv[1])
raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
packet = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
packet.bind(("lo", 0))
me = socket.inet_aton("127.0.0.1")
def tcp(port, seq, flags, options=b""):
    return struct.pack("!HHIIBBHHH", port, 8080, seq, 0, (20 + len(options)) // 4 << 4, flags, 999, 0, 0) + options
def send(segment):
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(segment), 1, 0, 64, 6, 0, me, me)
    raw.sendto(ip + segment, ("127.0.0.1", 0))
for i in range(100000):
    port = 10000 + i % 50000
    send(tcp(port, 1000, 2, option if "syn" in sys.argv else b""))
    send(tcp(port, 1001, 16, option))
    if "long" in sys.argv: # a SYN whose TCP header lies behind what is captured: 264 bytes of IPv6 options
        long = struct.pack("!BB", 6, 32) + bytes([1, 4, 0, 0, 0, 0]) + bytes([1, 254] + [0] * 254)
        body = long + tcp(port, 1, 2)
        packet.send(bytes(12) + struct.pack("!HIHBB", 0x86dd, 0x60000000, len(body), 0, 64) + bytes(15) + b"\1" + bytes(15) + b"\1" + body)
    if i == 0:
        open("going", "w").close()
    time.sleep(0.01)
PY
traffic() {
    rm -f going
    python3 traffic.py "$@" &
    pids=($!)
    for _ in {1..600}; do
        [ ! -e going ] || break
        sleep 0.05
    done
}
quiet() {
    kill "${pids[0]}"
    wait "${pids[0]}" 2>/dev/null
    pids=()
}
known=fe089c40cb007109
unknown=fc14c48e0a029a14e4a70c000a02280918eb0101

row_of() { # a good day: everything set, traffic there
    examine -i lo --server any:8080 --trust 127.0.0.0/8 --seconds 1 "$@"
}

traffic "$known"
row_of
row 'on a good day, all is well' '^status 0$'
row 'connections are counted' '^ok +traffic +[1-9][0-9]* SYNs came in 1 s, and [1-9][0-9]* segments named a client$'
row 'what the service counts is not known without one' '^skipped +service +/run/toa/control: '
examine -i lo --server any:8080 --seconds 1
row 'an empty list of trusted sources is a warning' '^warning +trust +every source is believed'
row 'with what to do' 'to do: name your load balancers'
row 'and a status' '^status 1$'
examine -i lo --server any:9999 --trust 127.0.0.0/8 --seconds 1
row 'servers that nobody comes to' '^warning +traffic +no SYN to a watched server came in 1 s'
examine -i lo --trust 127.0.0.0/8 --midstream --seconds 0
row 'midstream is a warning' '^warning +midstream'
examine -i no-such0 --seconds 1
row 'an interface that is not there' '^failure +interface +no interface has the name or address "no-such0"'
row_of --json
row 'JSON lines' '^[{]"event":"check","name":"trust","result":"ok","text":"1 prefix is believed, nobody else"[}]$'
examine --seconds x
row 'a wrong flag is one' '^status 2$'
quiet

traffic "$unknown"
row_of
row 'a dialect that is not listened for' '^warning +dialects +[1-9][0-9]* segments have an option of dialect alibaba-vpc'
row 'is named' 'to do: if it names clients: Dialect = alibaba-vpc'
row 'and names nobody' '^warning +traffic +[1-9][0-9]* SYNs came in 1 s, and nothing named a client'
row_of --dialect alibaba-vpc
row 'until it is listened for' '^status 0$'
quiet

traffic "$known" long
row_of
row 'headers that are longer than what is captured' '^warning +snap_length +[1-9][0-9]* segments had headers longer'
quiet

# The service: what it has counted
"$toa" serve -i lo --server any:8080 --trust 10.0.0.0/8 --control "$scratch/s" --listen 127.0.0.1:9999 2>serve.err &
service=$!
for _ in {1..200}; do
    ! "$toa" ctl -s s stats >/dev/null 2>&1 || break
    sleep 0.05
done
traffic "$unknown" syn # what is on the ACK alone stays in the kernel
sleep 0.5
quiet
traffic "$known"
sleep 0.5
quiet
examine --socket s --trust 10.0.0.0/8 --seconds 0
row 'the service runs' '^ok +service +it runs, and captures, 0 mappings answer$'
row 'its untrusted options are told' '^warning +untrusted +[1-9][0-9]* options came from sources that are not trusted since it began'
row 'and its dialects' '^warning +dialects +[1-9][0-9]* segments have an option of dialect alibaba-vpc .*, since it began'
ip link set lo down
sleep 0.5
examine --socket s --trust 10.0.0.0/8 --seconds 0
row 'an interface that is away' '^failure +service +it runs, and the interface that it captures from is away'
ip link set lo up

# The service: when it does not answer
printf 'Server = any:8080\nInterface = lo\nTrust = 10.0.0.0/8\nControl = %s/s\n' "$scratch" >named.conf
examine -c named.conf --seconds 0
row 'the socket that the configuration names is asked' '^ok +service +it runs'
kill -STOP "$service"
examine --socket s --trust 10.0.0.0/8 --server any:8080 --seconds 0
row 'one that hangs is a failure' '^failure +service +s: no answer$'
row 'with a status' '^status 1$'
kill -KILL "$service"
wait "$service" 2>/dev/null
examine --socket s --trust 10.0.0.0/8 --server any:8080 --seconds 0
row 'so is one that was killed' '^failure +service +s: Connection refused$'
row 'and what to do' 'to do: the service has died, or hangs'
row 'it has the status, too' '^status 1$'
rm s
examine -c named.conf --seconds 0
row 'a socket that is named and not there is a warning' '^warning +service +.*/s: No such file or directory$'
row 'that is no good day' '^status 1$'

# The system
if [ -w /proc/sys/net/ipv4/tcp_syncookies ]; then
    row_of --seconds 0
    row 'no cookies' '^ok +syn_cookies'
    echo 2 >/proc/sys/net/ipv4/tcp_syncookies
    python3 -c 'import socket; s = socket.create_server(("127.0.0.1", 0)); socket.create_connection(s.getsockname())'
    row_of --seconds 0
    row 'SYN cookies' '^warning +syn_cookies +[1-9][0-9]* SYNs were answered with a cookie'
fi
setpriv --bounding-set=-net_raw --inh-caps=-net_raw "$toa" doctor -i lo --seconds 1 >found 2>&1
row 'rights that are missing' '^failure +rights +this program may not capture'
row 'and what follows' '^(failure|skipped) +interface +.*(without the right to capture|not permitted)'

printf '%d passed, %d failed\n' "$n_passed" "$n_failed"
[ "$n_failed" -eq 0 ]
