#!/usr/bin/env bash
# The daemon and its client as users meet them, answering from a capture. A row is a sentence.
# Call: tools/tests/serve.sh TOA CORPUS
set -uo pipefail
toa=$(realpath "$1")
corpus=$(realpath "$2")
scratch=$(mktemp -d)
chmod 755 "$scratch"
daemon=
trap '[ -z "$daemon" ] || kill "$daemon"; rm -rf "$scratch"' EXIT
cd "$corpus" || exit 1
n_passed=0
n_failed=0

verdict() { # SENTENCE, true or false
    if [ "$2" = true ]; then
        n_passed=$((n_passed + 1))
    else
        n_failed=$((n_failed + 1))
        printf 'FAILED: %s\n' "$1"
        sed 's/^/    stdout: /' "$scratch/out" | head -n 5
        sed 's/^/    stderr: /' "$scratch/err" | head -n 5
    fi
}

# The command ends with STATUS, and TEXT (a fixed string; empty: anything) is in its output.
row() { # SENTENCE STATUS STREAM TEXT COMMAND...
    local sentence=$1 status=$2 stream=$3 text=$4
    shift 4
    timeout 60 "$@" >"$scratch/out" 2>"$scratch/err" </dev/null
    local got=$?
    if [ "$got" -eq "$status" ] && grep -qF -- "$text" "$scratch/$stream"; then
        verdict "$sentence" true
    else
        verdict "$sentence (wanted $status and '$text', got $got)" false
    fi
}

# Starts a daemon on a port of the system's choice, by way of the command in $as: $daemon, $at.
as=()
start() { # ARGUMENT...
    rm -f "$scratch/daemon.err" # or the last one's would be read
    "${as[@]}" "$toa" serve --listen 127.0.0.1:0 "$@" >"$scratch/daemon.out" 2>"$scratch/daemon.err" </dev/null &
    daemon=$!
    at=
    for _ in {1..200}; do
        at=$(sed -n 's/^toa serve: listening on //p' "$scratch/daemon.err" 2>/dev/null)
        [ -z "$at" ] || break
        sleep 0.05
    done
}

stop() { # SENTENCE SIGNAL
    kill -"$2" "$daemon"
    wait "$daemon"
    local got=$?
    daemon=
    verdict "$1 (got $got)" "$([ "$got" -eq 0 ] && echo true || echo false)"
}

for command in serve query capture; do
    row "toa $command --help is help" 0 out "usage: toa $command" "$toa" "$command" --help
    row "toa --help names $command" 0 out "  $command" "$toa" --help
done

# ---- serve: what is wrong, where, what would be right
printf 'ServerListenPortList = 443\r\nCacheSeconds: 20\r\n' >"$scratch/good.conf"
printf 'ServerListenPortList=443\nCacheSecs=20\n' >"$scratch/bad.conf"
printf 'CacheSeconds=20\n' >"$scratch/none.conf"
row 'a good configuration is checked and printed' 0 out 'Ttl = 20.000000000' "$toa" serve -c "$scratch/good.conf" --check
row 'a flag stands over the file' 0 out 'Ttl = 5.000000000' "$toa" serve -c "$scratch/good.conf" --ttl 5 --check
row 'an unknown key has file and line' 2 err "bad.conf:2: 'CacheSecs': unknown key" "$toa" serve -c "$scratch/bad.conf" --check
row 'a configuration without a port is wrong' 2 err 'neither ServerListenPortList nor PortRange' "$toa" serve -c "$scratch/none.conf" --check
row 'a configuration that is not there is named' 2 err 'no.conf: No such file' "$toa" serve -c no.conf --check
row 'the printed configuration is one' 0 out 'Server = any:443' bash -c "\"$toa\" serve -c $scratch/good.conf --check >$scratch/again.conf && \"$toa\" serve -c $scratch/again.conf --check"
row 'loopback is the default' 0 out 'Listen = 127.0.0.1:9999' "$toa" serve --check
row 'anything else needs a list' 2 err 'say who may ask' "$toa" serve --listen 0.0.0.0 --check
row 'a socket that no system takes is refused by the check' 2 err 'the path is too long' "$toa" serve --control "/$(printf '%0120d' 0)" --check
row 'with a list it listens' 0 out 'Allow = 10.0.0.0/8' "$toa" serve --listen 0.0.0.0 --allow 10.0.0.0/8 --check
row 'a wrong flag is named' 2 err "--ttl '0'" "$toa" serve --ttl 0
row 'serve takes no operands' 2 err 'takes no operands' "$toa" serve x
row 'a time goes with a capture' 2 err '--at goes with --read' "$toa" serve --at 1
row 'an interface goes without a capture' 2 err 'not both' "$toa" serve --read cases/showcase.pcap -i lo
row 'a check knows the user' 2 err "'nosuchuser': no such user" "$toa" serve --user nosuchuser --check
row 'a capture that is not there' 3 err 'no.pcap' "$toa" serve --read no.pcap
row 'a capture that is cut' 3 err 'capture-cut.pcap: byte' "$toa" serve --read cases-failing/capture-cut.pcap
row 'a record needs a live capture' 2 err 'not with --read' "$toa" serve --read cases/showcase.pcap --record "$scratch/r"
row 'an address of others' 4 err 'cannot listen on 192.0.2.1:9' "$toa" serve --read cases/showcase.pcap --listen 192.0.2.1:9 --allow 127.0.0.1

# ---- query: what is wrong
row 'query needs an endpoint' 2 err 'takes one endpoint' "$toa" query
row 'an endpoint has a port' 2 err 'not an endpoint' "$toa" query 10.0.1.7
row 'a service has a host' 2 err 'not HOST:PORT' "$toa" query 10.0.1.7:1 --server :9
row 'a wait is at most 65535 ms' 2 err "--wait '65536'" "$toa" query 10.0.1.7:1 --wait 65536
row 'version 1 has no IPv6' 2 err 'version 1 has no room' "$toa" query '[2001:db8::1]:1' --v1
row 'version 1 has no wait' 2 err 'version 1 has no room' "$toa" query 10.0.1.7:1 --v1 --wait 1
row 'nobody there is status 4' 4 err 'toa query: 127.0.0.1:1: ' "$toa" query 10.0.1.7:1 --server 127.0.0.1:1 --timeout 50

# ---- together
start --read cases/showcase.pcap --at 6
ask=("$toa" query --server "$at")
row 'a client is found' 0 out '203.0.113.130:51999 254 data' "${ask[@]}" 10.0.1.8:40103
row 'version 1 finds it too' 0 out '203.0.113.130:51999' "${ask[@]}" --v1 10.0.1.8:40103
row 'an IPv6 client is found' 0 out '[2001:db8:5::21]:49200' "${ask[@]}" 10.0.1.8:40101
row 'version 1 has no room for it' 1 out 'not_found' "${ask[@]}" --v1 10.0.1.8:40101
row 'a reason is given' 1 out 'no_option, 8 option bytes were free' "${ask[@]}" 10.0.1.8:40102
row 'a reason is explained' 1 out 'There was room for the option of an IPv4 client' "${ask[@]}" --explain 10.0.1.8:40102
row 'so is an answer that a client may have written' 0 out 'meaning: The handshake named the client.' "${ask[@]}" --explain 10.0.1.8:40103
row 'an explanation is a text' 2 err 'needs version 2' "${ask[@]}" --explain --v1 10.0.1.8:40103
row 'nobody is nobody' 1 out 'never_seen' "${ask[@]}" 10.9.9.9:9
row 'a wait ends with the reason' 1 out 'pending' "${ask[@]}" 10.0.1.8:40104 --wait 50
row 'the server can be named' 0 out '192.0.2.55:1029' "${ask[@]}" '10.0.2.20:33002>10.0.0.80:8080'
row 'another server is another flow' 1 out 'never_seen' "${ask[@]}" '10.0.2.20:33002>10.0.0.80:443'
row 'JSON has the keys of a replay' 0 out '{"event":"answer","fake":"10.0.1.8:40103","server":"10.0.0.80:443","real":"203.0.113.130:51999","kind":254,"carrier":"data","result":"found","age":"' "${ask[@]}" --json 10.0.1.8:40103
row 'JSON has the virtual server' 0 out '"vip":"198.51.100.80:443"' "${ask[@]}" --json 10.0.1.7:40003
row 'JSON has the reason' 1 out '"result":"no_option","options_free":8}' "${ask[@]}" --json 10.0.1.8:40102
row 'JSON of version 1 has what there is' 1 out '{"event":"answer","fake":"10.9.9.9:9","result":"not_found"}' "${ask[@]}" --v1 --json 10.9.9.9:9
row 'a full disk is no silence' 4 err 'cannot write standard output' bash -c "\"$toa\" query --server $at 10.9.9.9:9 >/dev/full"
kill -USR1 "$daemon"
sleep 0.2
row 'USR1 says what was answered, in the words of the answers' 0 out ' no_option' grep 'answers: ' "$scratch/daemon.err"
stop 'TERM is a clean end' TERM
row 'the end has a summary' 0 out 'datagrams: ' cat "$scratch/daemon.err"
[ ! -s "$scratch/daemon.out" ]
verdict 'the daemon prints nothing on stdout' "$([ ! -s "$scratch/daemon.out" ] && echo true || echo false)"

start --read cases/showcase.pcap
row 'without --at it is the time of the last frame' 0 out '192.0.2.147:39999' "$toa" query --server "$at" 10.0.1.7:40001
stop 'INT is a clean end' INT
start --read cases/showcase.pcap --at 15.35785
row 'what has expired says so' 1 out 'expired 0.000000000 s ago' "$toa" query --server "$at" 10.0.1.7:40002
stop 'TERM ends it again' TERM

# ---- without any right: as nobody, who has no capability and can get none
as=(setpriv --bounding-set=-all --inh-caps=-all)
[ "$(id -u)" != 0 ] || as+=(--reuid 65534 --regid 65534 --clear-groups)
cp cases/showcase.pcap "$scratch/showcase.pcap"
chmod 644 "$scratch/showcase.pcap"
if "${as[@]}" "$toa" version >/dev/null 2>&1; then
    start --read "$scratch/showcase.pcap" --at 6
    row 'a capture is served by nobody' 0 out '203.0.113.130:51999' "$toa" query --server "$at" 10.0.1.8:40103
    row 'who has no right' 0 out 'CapPrm:	0000000000000000' cat "/proc/$daemon/status"
    [ "$(id -u)" != 0 ] ||
        row 'and can get none' 0 out 'CapBnd:	0000000000000000' cat "/proc/$daemon/status"
    stop 'TERM ends it as well' TERM
else
    echo "NOT TESTED without rights: setpriv, or nobody, cannot run $toa"
fi
as=()

# ---- reload: another address, opened when the rights are gone and the sandbox is entered
printf 'Server = any\nListen = 127.0.0.1:0\n' >"$scratch/serve.conf"
rm -f "$scratch/daemon.err" # or the last one's would be read
"$toa" serve -c "$scratch/serve.conf" --read cases/showcase.pcap 2>"$scratch/daemon.err" </dev/null &
daemon=$!
for _ in {1..200}; do
    ! grep -q 'listening on' "$scratch/daemon.err" 2>/dev/null || break
    sleep 0.05
done
printf 'Server = any\nListen = 127.0.0.1:0 [::1]:0\n' >"$scratch/serve.conf"
kill -HUP "$daemon"
for _ in {1..200}; do
    ! grep -q 'reloaded' "$scratch/daemon.err" || break
    sleep 0.05
done
at=$(sed -n 's/^toa serve: listening on \(\[::1\].*\)/\1/p' "$scratch/daemon.err")
row 'HUP opens an address more' 0 out '192.0.2.147:39999' "$toa" query --server "$at" 10.0.1.7:40001
stop 'TERM ends that one, too' TERM

printf '%d passed, %d failed\n' "$n_passed" "$n_failed"
[ "$n_failed" -eq 0 ]
