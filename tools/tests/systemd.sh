#!/usr/bin/env bash
# What systemd is told and what it is given: notifications of the daemon, and the units.
# Call: tools/tests/systemd.sh TOA CORPUS UNITS     without systemd-analyze the units are not tested, loudly
set -uo pipefail
toa=$(realpath "$1")
corpus=$(realpath "$2")
units=$(realpath "$3")
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$corpus" || exit 1
n_passed=0
n_failed=0

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
        tail -n 8 "$scratch/out" | sed 's/^/    /'
    fi
}

# A manager: starts the daemon, sends HUP once it is ready, stops and continues it, ends it, and
# prints what it was told, with the moments at which it did something.
cat >"$scratch/manager.py" <<'PY'
import os, signal, socket, subprocess, sys, time
path, abstract = sys.argv[1], sys.argv[2] == "abstract"
manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
manager.bind("\0" + path[1:] if abstract else path)
manager.settimeout(10)
env = dict(os.environ, NOTIFY_SOCKET="@" + path[1:] if abstract else path, WATCHDOG_USEC="200000")
daemon = subprocess.Popen(sys.argv[3:], env=env, stderr=subprocess.DEVNULL)
def until(word):
    while True:
        told = manager.recv(1000).decode()
        print(told.replace("\n", " "), flush=True)
        if told.startswith(word):
            return
until("READY=1")
for _ in range(3):
    until("WATCHDOG=1")
print("HUP"); daemon.send_signal(signal.SIGHUP)
until("RELOADING=1"); until("READY=1")
print("STOP"); daemon.send_signal(signal.SIGSTOP)
manager.setblocking(False)
time.sleep(0.1)
try:
    while True: manager.recv(1000)
except BlockingIOError: pass
time.sleep(0.5)
try: print("still told:", manager.recv(1000))
except BlockingIOError: print("silence")
manager.settimeout(10)
daemon.send_signal(signal.SIGCONT); until("WATCHDOG=1")
print("TERM"); daemon.send_signal(signal.SIGTERM)
until("STOPPING=1")
print("status", daemon.wait(10))
PY
serve=("$toa" serve --listen 127.0.0.1:0 --read cases/showcase.pcap)
for kind in file abstract; do
    timeout 60 python3 "$scratch/manager.py" "$scratch/n" "$kind" "${serve[@]}" >"$scratch/told" 2>&1
    row "it is ready ($kind)" 0 '^READY=1 STATUS=answering from a capture$' head -n 1 "$scratch/told"
    row "it is well, twice as often as it must say so ($kind)" 0 '^[3-9]$' grep -c '^WATCHDOG=1' "$scratch/told"
    row "it reloads ($kind)" 0 '^RELOADING=1 MONOTONIC_USEC=[0-9]+$' cat "$scratch/told"
    row "it says nothing when it hangs ($kind)" 0 '^silence$' cat "$scratch/told"
    row "it ends ($kind)" 0 '^status 0$' cat "$scratch/told"
done
row 'nobody needs to listen' 4 'cannot listen' env NOTIFY_SOCKET=/no/such WATCHDOG_USEC=x "${serve[@]}" --listen 192.0.2.1:9 --allow 127.0.0.1

if command -v systemd-analyze >/dev/null; then
    mkdir "$scratch/units"
    for unit in toa toa-metrics; do
        sed "s#@CMAKE_INSTALL_FULL_BINDIR@#$(dirname "$toa")#" "$units/$unit.service.in" >"$scratch/units/$unit.service"
        row "$unit.service is exposed at most 2.0 of 10" 0 'Overall exposure level .* [01]\.[0-9]|Overall exposure level .* 2\.0' \
            systemd-analyze security --offline=true --threshold=20 "$scratch/units/$unit.service"
        row "$unit.service has no error, and nothing to warn of" 0 '^said 0 lines, status 0$' bash -c \
            "systemd-analyze verify --man=no '$scratch/units/$unit.service' >'$scratch/verify' 2>&1
             status=\$?; echo \"said \$(grep -c . '$scratch/verify') lines, status \$status\"; cat '$scratch/verify'"
    done
    sed '/^\(Protect\|Private\|Restrict\|SystemCall\)/d' "$scratch/units/toa.service" >"$scratch/units/soft.service"
    row 'a unit without its walls is over that' 1 'Overall exposure level' \
        systemd-analyze security --offline=true --threshold=20 "$scratch/units/soft.service"
    row 'the user is one that systemd can make' 0 '^status 0$' bash -c "systemd-sysusers --dry-run '$units/toa.sysusers'; echo status \$?"
else
    echo 'SKIPPED: no systemd-analyze: the units are NOT tested'
fi
sed '/^Server = any/d; s/^#\([A-Z][A-Za-z]* = \)/\1/' "$units/toa.conf" >"$scratch/all.conf"
row 'what it has as a comment is right, too' 0 '^Server = 10.0.0.80:443; 10.0.0.80:8000-8010; \[2001:db8::80\]:443$' \
    "$toa" serve -c "$scratch/all.conf" --check
row 'the configuration of the unit is one' 0 'Server = any' "$toa" serve -c "$units/toa.conf" --check

printf '%d passed, %d failed\n' "$n_passed" "$n_failed"
[ "$n_failed" -eq 0 ]
