#!/usr/bin/env bash
# Prints what the capture thread claims: misses of lookups at accept(), and what a flood of SYNs
# costs beside bare libpcap. Needs root; all traffic is in network namespaces of its own.
# Call: bench/live.sh            100,000 connections at 20,000 a second, and floods of five seconds
#       bench/live.sh --quick    a tenth of it
# Status 1: a miss, a drop, or a mapping lost.
# shellcheck source=ci/common.sh
. "$(dirname "$0")/../ci/common.sh"

n=100000
seconds=5
if [[ ${1-} == --quick ]]; then
    n=10000
    seconds=0.5
fi

dir=build/bench-live
cmake -S . -B "$dir" -G Ninja -DCMAKE_BUILD_TYPE=RelWithDebInfo -DTOA_BUILD_BENCH=ON -DTOA_BUILD_TESTS=ON >/dev/null
cmake --build "$dir" --target bench_live >/dev/null
status=0
"$dir/bench/bench_live" accept "$n" 20000 || status=1
"$dir/bench/bench_live" flood "$seconds" || status=1
exit "$status"
