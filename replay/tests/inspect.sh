#!/usr/bin/env bash
# toa inspect as its users meet it: exit statuses and messages. A row is a sentence.
# Call: replay/tests/inspect.sh TOA CORPUS
set -uo pipefail
toa=$(realpath "$1")
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$2/cases" || exit 1
n_rows=0
n_failed=0

# The command ends with STATUS, and TEXT (a fixed string) is in that stream.
row() { # SENTENCE STATUS STREAM TEXT ARGUMENT...
    local sentence=$1 status=$2 stream=$3 text=$4
    shift 4
    "$toa" inspect "$@" >"$scratch/out" 2>"$scratch/err" <"$scratch/in"
    local got=$?
    n_rows=$((n_rows + 1))
    if [ "$got" -ne "$status" ] || ! grep -qF -- "$text" "$scratch/$stream"; then
        n_failed=$((n_failed + 1))
        printf 'FAILED: %s (wanted %s and "%s", got %s)\n' "$sentence" "$status" "$text" "$got"
        head -n 3 "$scratch/out" "$scratch/err"
    fi
}

one=showcase.pcap
head -c 2000 "$one" >"$scratch/cut.pcap"
cp "$one" "$scratch/fe08"
cp "$one" "$scratch/it's.pcap"
cp "$one" "$scratch/in"

row 'option bytes are read' 0 out 'lvs: 47.94.87.90:53128' fe08cf882f5e575a
row 'option bytes may be several words' 0 out 'lvs: 47.94.87.90:53128' fe 08 cf:88 2f5e 575a
row 'a broken list is told, and no failure' 0 out 'malformed' fe08cf88
row 'a wrong digit is wrong usage' 2 err "'fe 08 zz': no such file, and no option bytes: not hex" fe 08 zz
row 'a word that is neither is a file that is missing' 3 err "'zz': no such file, and no option bytes: not hex" zz
row '... which does not hide the others' 3 out '86 frames' zz "$one"
row 'bytes may have 0x before them' 0 out 'lvs: 47.94.87.90:53128' 0xfe08cf88 0X2f5e575a
row 'x alone is no digit' 3 err "'fex8': no such file" fex8
row 'half a byte is wrong usage' 2 err 'a byte has two hexadecimal digits' fe0
row 'nothing to look at is wrong usage' 2 err 'no capture and no option bytes' --json
row 'a file whose name is hexadecimal is a file' 0 out '86 frames' "$scratch/fe08"
row 'a capture gives a command line' 0 out "toa replay $one --dialect lvs" "$one"
row 'a name is quoted for the shell' 0 out "it'\\''s.pcap' --dialect" "$scratch/it's.pcap"
row 'settings are in the command line' 0 out '--server any:8080 --decap --dialect' \
    --server any:8080 --decap "$one"
row 'so is a filter' 0 out "--filter 'tcp port 443' --dialect" -f 'tcp port 443' "$one"
row 'several captures are one' 0 out '172 frames' "$one" "$one"
row 'standard input is a capture' 0 out '86 frames' -
row 'a truncated capture is told as far as it goes' 3 out 'Verdict' "$scratch/cut.pcap"
row 'and named' 3 err 'cut.pcap: byte' "$scratch/cut.pcap"
row 'a missing file' 3 err 'none.pcap: cannot open' none.pcap
row 'no capture' 3 err 'showcase.case' showcase.case
row 'a wrong filter' 2 err "--filter 'tcp prot 443'" -f 'tcp prot 443' "$one"
row 'a wrong server' 2 err "--server '10.0.0.300'" --server 10.0.0.300 "$one"
row 'JSON ends with a summary' 0 out '{"event":"summary","frames":86' --json "$one"

printf '\xd4\xc3\xb2\xa1\2\0\4\0\0\0\0\0\0\0\0\0\0\0\4\0\x93\0\0\0\0\0\0\0\0\0\0\0\1\0\0\0\1\0\0\0x' \
    >"$scratch/user.pcap"
row 'a link type that nobody parses' 3 err 'link type 147' "$scratch/user.pcap"

"$toa" inspect --json "$one" >"$scratch/out"
"$toa" inspect --json "$one" >"$scratch/other"
n_rows=$((n_rows + 1))
cmp "$scratch/out" "$scratch/other" || n_failed=$((n_failed + 1))

# What the page shows is what the program prints.
shown() { # ARGUMENT...
    sed -n "/^\$ toa inspect $*\$/,/^\`\`\`/p" ../../docs/INSPECT.md | sed '1d;$d' >"$scratch/other"
    "$toa" inspect "$@" >"$scratch/out"
    n_rows=$((n_rows + 1))
    diff "$scratch/other" "$scratch/out" || n_failed=$((n_failed + 1))
}
shown "$one"
shown 020405b4 fc14a85e0a0a05384fa82c000a0a08d00cea0101 fe08cf

printf '%s rows, %s failed\n' "$n_rows" "$n_failed"
[ "$n_failed" -eq 0 ]
