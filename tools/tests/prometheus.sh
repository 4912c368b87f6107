#!/usr/bin/env bash
# The alerts and the dashboard: by promtool, by the table of figures, and in a Prometheus that scrapes
# a running service.
# Call: tools/tests/prometheus.sh TOA CORPUS SERVICE     without Prometheus: skipped (77)
set -uo pipefail
toa=$(realpath "$1")
corpus=$(realpath "$2")
service=$(realpath "$3")
if ! command -v prometheus >/dev/null || ! command -v promtool >/dev/null; then
    echo 'SKIPPED: no prometheus, no promtool: alerts and dashboard are NOT tested'
    exit 77
fi
scratch=$(mktemp -d)
chmod 755 "$scratch" # the exporter is nobody
pids=()
trap 'for pid in "${pids[@]}"; do kill "$pid"; done; wait; rm -rf "$scratch"' EXIT
cp "$service"/prometheus/* "$scratch"
cd "$scratch" || exit 1
n_passed=0
n_failed=0

row() { # SENTENCE STATUS PATTERN COMMAND...
    local sentence=$1 status=$2 pattern=$3
    shift 3
    timeout 60 "$@" >out 2>&1 </dev/null
    local got=$?
    if [ "$got" -eq "$status" ] && grep -qE -- "$pattern" out; then
        n_passed=$((n_passed + 1))
    else
        n_failed=$((n_failed + 1))
        printf 'FAILED: %s (wanted %s and /%s/, got %s)\n' "$sentence" "$status" "$pattern" "$got"
        head -n 12 out | sed 's/^/    /'
    fi
}

wait_for() { # PATTERN FILE
    for _ in {1..200}; do
        ! grep -q -- "$1" "$2" 2>/dev/null || return 0
        sleep 0.05
    done
}

row 'the alerts are rules' 0 'SUCCESS: 11 rules found' promtool check rules toa.rules.yml
row 'they fire when they should' 0 'SUCCESS' promtool test rules toa.rules.test.yml
sed 's/0\.2$/0.9/; s/> 0\.2/> 0.9/' toa.rules.yml >blunt && mv toa.rules.yml sharp && mv blunt toa.rules.yml
row 'one that does not is found' 1 'FAILED' promtool test rules toa.rules.test.yml
mv sharp toa.rules.yml

# What alerts and dashboard ask for is what the table of figures has.
cat >names.py <<'PY'
import json, re, sys
table = re.findall(r"(COUNTER|GAUGE), \w+, \w+,\s*\"(\w+)\"", open(sys.argv[1]).read())
have = {f"toa_{name}" + ("_total" if form == "COUNTER" else "") for form, name in table} | {"toa_up"}
dashboard = json.load(open("toa.dashboard.json"))
exprs = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
used = set(re.findall(r"\btoa_\w+", " ".join(exprs) + open("toa.rules.yml").read()))
ids = [panel["id"] for panel in dashboard["panels"]]
print("not in the table:", sorted(used - have), "twice:", len(ids) - len(set(ids)))
# As Prometheus gets them from Grafana.
with open("exprs", "w") as out:
    for expr in exprs:
        for name, value in {"$__rate_interval": "4s", "$__range": "1m", "$instance": ".*"}.items():
            expr = expr.replace(name, value)
        out.write(expr + "\n")
PY
row 'every metric that is asked for is in the table of figures' 0 '^not in the table: \[\] twice: 0$' \
    python3 names.py "$service/figures.c"

# In a Prometheus
(cd "$corpus" && exec "$toa" serve --listen 127.0.0.1:0 --read cases/showcase.pcap --at 6 --control "$scratch/s") \
    2>daemon.err &
daemon=$!
pids+=("$daemon")
wait_for 'listening on' daemon.err
at=$(sed -n 's/^toa serve: listening on //p' daemon.err)
"$toa" ctl -s s metrics --listen 127.0.0.1:0 2>exporter.err &
pids+=($!)
wait_for 'metrics on' exporter.err
target=$(sed -n 's#^toa ctl: metrics on http://\(.*\)/metrics#\1#p' exporter.err)
cat >prometheus.yml <<YAML
global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: [toa.rules.yml]
scrape_configs:
  - {job_name: addresses, static_configs: [{targets: ['$target']}]}
YAML
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
prometheus --config.file=prometheus.yml --storage.tsdb.path=data --web.listen-address="127.0.0.1:$port" 2>prometheus.err &
prometheus=$!
pids+=("$prometheus")
wait_for 'Server is ready' prometheus.err
while sleep 0.4; do
    "$toa" query --server "$at" 10.0.1.8:40103
    "$toa" query --server "$at" 10.0.1.8:40102
done >/dev/null 2>&1 &
pids+=($!)
cat >ask.py <<'PY'
import json, sys, time, urllib.parse, urllib.request
base = sys.argv[1]
def get(path, **query):
    return json.load(urllib.request.urlopen(f"{base}/api/v1/{path}?{urllib.parse.urlencode(query)}", timeout=20))["data"]
# It looks for targets only every 5 s.
for _ in range(150):
    if get("query", query='rate(toa_answers_total{result="found"}[4s]) > 0')["result"]:
        break
    time.sleep(0.1)
targets = get("targets")["activeTargets"]
print("health", targets[0]["health"], targets[0]["lastError"])
rules = [rule for group in get("rules")["groups"] for rule in group["rules"]]
print(len(rules), "rules", {rule["health"] for rule in rules})
# Without a capture and a record, theirs are empty, and no frames come.
absent = ("frames_total", "capturing", "captured", "kernel_drops", "record_", "reopens")
empty = [expr for expr in open("exprs").read().splitlines()
         if not get("query", query=expr)["result"] and not any(word in expr for word in absent)]
print("empty", empty)
found = get("query", query='rate(toa_answers_total{result="found"}[4s])')["result"][0]["value"][1]
print("rate", 0.5 < float(found) < 6)
metadata = get("metadata")
print("type", metadata["toa_answers_total"][0]["type"] if "toa_answers_total" in metadata else metadata["toa_answers"][0]["type"])
PY
timeout 60 python3 ask.py "http://127.0.0.1:$port" >asked 2>&1
row 'it scrapes' 0 '^health up $' cat asked
row 'it evaluates the alerts' 0 "^11 rules [{]'ok'[}]$" cat asked
row 'every panel has something to show' 0 '^empty \[\]$' cat asked
row 'rates are right' 0 '^rate True$' cat asked
row 'counters are counters' 0 '^type counter$' cat asked

# A service that hangs: the exporter says so before who scrapes it gives up, here after 5 s
sed -i 's/scrape_interval: 1s/scrape_interval: 5s/' prometheus.yml
kill -HUP "$prometheus"
sleep 0.5
kill -STOP "$daemon"
cat >hung.py <<'PY'
import json, sys, time, urllib.request
for _ in range(250):
    result = json.load(urllib.request.urlopen(sys.argv[1] + "/api/v1/query?query=toa_up", timeout=20))["data"]["result"]
    if result and result[0]["value"][1] == "0":
        break
    time.sleep(0.1)
print(result and (result[0]["metric"]["job"], result[0]["value"][1]))
PY
row 'a service that hangs is down' 0 "^[(]'addresses', '0'[)]$" python3 hung.py "http://127.0.0.1:$port"
kill -CONT "$daemon"

printf '%d passed, %d failed\n' "$n_passed" "$n_failed"
[ "$n_failed" -eq 0 ]
