#!/usr/bin/env bash
# UDP answers per second of toa serve, beside a bare echo of 11 bytes on the same socket options and
# memcached over UDP, in turns: medians and ratios. Client and server share this machine's cores.
# Call: bench/serve.sh [SECONDS [ROUNDS]]     needs memcached (Debian package) for its column
# shellcheck source=ci/common.sh
. "$(dirname "$0")/../ci/common.sh"
seconds=${1:-2}
rounds=${2:-5}
scratch
configure_options=(-DTOA_BUILD_TESTS=OFF)
build release toa_program
gcc -O2 -D_GNU_SOURCE -Wall -o "$scratch/serve" bench/serve.c

pids=()
trap 'kill "${pids[@]}" 2>/dev/null || true; rm -rf "$scratch"' EXIT
"$scratch/serve" --echo 29901 &
pids+=($!)
build/release/tools/toa serve --read corpus/cases/showcase.pcap --at 6 --listen 127.0.0.1:29902 2>"$scratch/toa" &
pids+=($!)
whats=(echo toa)
if command -v memcached >/dev/null; then
    memcached -u nobody -l 127.0.0.1 -p 29903 -U 29903 -t 1 -m 16 &
    pids+=($!)
    sleep 0.5
    exec 3<>/dev/tcp/127.0.0.1/29903
    printf 'set 10.0.1.8:a7 0 0 11\r\n12345678901\r\n' >&3
    read -r -u 3 stored
    [[ $stored == STORED* ]]
    whats+=(memcached)
fi
sleep 0.5

for ((round = 0; round < rounds; round++)); do
    for i in "${!whats[@]}"; do
        "$scratch/serve" "${whats[i]}" "$seconds" $((29901 + i)) >>"$scratch/${whats[i]}.n"
    done
done

median() {
    sort -n "$scratch/$1.n" | awk '{ n[NR] = $1 } END { print n[int((NR + 1) / 2)] }'
}
echo=$(median echo)
toa=$(median toa)
printf 'bare echo       %9d answers/s\ntoa serve       %9d answers/s   %.2f x echo\n' \
    "$echo" "$toa" "$(awk "BEGIN { print $toa / $echo }")"
if [[ ${#whats[@]} == 3 ]]; then
    memcached=$(median memcached)
    printf 'memcached (UDP) %9d answers/s   toa is %.2f x that\n' "$memcached" \
        "$(awk "BEGIN { print $toa / $memcached }")"
else
    echo "memcached       not installed"
fi
