#!/usr/bin/env bash
# The program as its users meet it: exit statuses, messages, outputs. A row is a sentence.
# Call: tools/tests/cli.sh TOA CORPUS
set -uo pipefail
toa=$(realpath "$1")
corpus=$(realpath "$2")
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
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
    "$@" >"$scratch/out" 2>"$scratch/err" </dev/null
    local got=$?
    if [ "$got" -eq "$status" ] && grep -qF -- "$text" "$scratch/$stream"; then
        verdict "$sentence" true
    else
        verdict "$sentence (wanted $status and '$text', got $got)" false
    fi
}

# Both commands print the same bytes.
same() { # SENTENCE COMMAND_A COMMAND_B
    bash -c "$2" >"$scratch/out" 2>"$scratch/err"
    bash -c "$3" >"$scratch/other" 2>>"$scratch/err"
    if [ -s "$scratch/out" ] && cmp -s "$scratch/out" "$scratch/other"; then
        verdict "$1" true
    else
        verdict "$1" false
    fi
}
export toa

# ---- The program
row 'without a command it says how to use it' 2 err 'usage: toa COMMAND' "$toa"
row '--help lists the commands' 0 out 'inspect' "$toa" --help
row 'an unknown command is named' 2 err "no command 'replya'" "$toa" replya
row 'version prints its own and that of libpcap' 0 out 'libpcap version' "$toa" version
row 'version takes nothing else' 2 err 'takes no operands' "$toa" version x
for command in replay check inspect version; do
    row "toa $command --help is help" 0 out "usage: toa $command" "$toa" "$command" --help
done

# ---- replay: what is wrong, where, what would be right
one=cases/carrier-syn.pcap
row 'a capture must be named' 2 err 'no capture named' "$toa" replay
row 'an unknown option is named' 2 err "no such option: '--jsno'" "$toa" replay --jsno $one
row 'an option without its value is named' 2 err "a value is missing behind '--ttl'" "$toa" replay $one --ttl
row 'an unknown letter is named' 2 err "no such option: '-x'" "$toa" replay $one -xq
row '... behind a known one too' 2 err "no such option: '-x'" "$toa" inspect -x $one
row 'a letter without its value is named' 2 err "a value is missing behind '-f'" "$toa" replay $one -f
row 'a value that belongs nowhere is told' 2 err "no value belongs to '--json=5'" "$toa" replay --json=5 $one
row '... for --help too' 2 err "no value belongs to '--help=5'" "$toa" replay --help=5
row 'the beginning of several options is told' 2 err "several options begin with '--s'" "$toa" replay --s $one
row 'the beginning of one option is that option' 0 out '"event":"summary"' "$toa" replay --summ --js $one
for posix in POSIXLY_CORRECT=1 POSIXLY=; do
    row "options may stand behind operands, with $posix" 0 out '{"event":"summary","frames":8' \
        env $posix "$toa" replay $one --json $one --summary
    row "operands may stand behind --, with $posix" 3 err '--json: ' env $posix "$toa" replay $one --summary -- --json
done
row 'a wrong address shows a right one' 2 err "--server '10.0.0': not a server (10.0.0.80" "$toa" replay --server 10.0.0 $one
row 'a falling port range is wrong' 2 err 'rising ranges' "$toa" replay --server 10.0.0.80:9-8 $one
row 'a port above 65535 is wrong' 2 err 'from 0 to 65535' "$toa" replay --server 10.0.0.80:65536 $one
row 'an unknown dialect lists the known ones' 2 err 'there are tencent, ucloud, lvs' "$toa" replay --dialect lsv $one
row 'a custom dialect must stay inside its option' 2 err 'outside the option' "$toa" replay --dialect kind=254,len=8,port=2,ip=6 $one
row 'two dialects that contradict one another are wrong' 2 err 'in another way' "$toa" replay --dialect lvs --dialect kind=254,len=8,port=6,ip=2 $one
row 'a prefix with bits behind it is wrong' 2 err 'behind the prefix' "$toa" replay --trust 10.1.2.3/8 $one
row 'a time to live of 0 is wrong' 2 err 'more than 0' "$toa" replay --ttl 0 $one
row 'a time to live beyond all time shows the limit' 2 err "--ttl '9223372036': not a time in seconds from 0 to 9223372035" \
    "$toa" replay --ttl 9223372036 $one
row 'the longest is one' 0 out '1 mapping live' "$toa" replay --ttl 9223372035 $one
row 'too many ports show the limit' 2 err 'more than 64 ports and ranges: name the server again' \
    "$toa" replay --server "any:$(seq -s, 1 65)" $one
row '... which may come again' 0 out 'learn' "$toa" replay --server "any:$(seq -s, 1 64)" --server any:443 $one
row 'a hold that is none is wrong' 2 err 'connection or ttl' "$toa" replay --hold forever $one
row 'an ask without a comma is wrong' 2 err 'not T,FAKE' "$toa" replay --ask 10.0.1.7:40001 $one
row 'an ask without a port is wrong' 2 err 'not an endpoint' "$toa" replay --ask 1,10.0.1.7 $one
row 'a wrong filter says what libpcap says' 2 err 'syntax error' "$toa" replay -f 'tcp prot 80' $one
row 'a second filter is not dropped in silence' 2 err "--filter 'udp': there is a filter already" "$toa" replay -f tcp -f udp $one
row '... nor by inspect' 2 err "--filter 'udp': there is a filter already" "$toa" inspect -f tcp -f udp $one
row 'a file that is not there is named' 3 err 'no-such.pcap' "$toa" replay no-such.pcap
row 'a directory is no capture' 3 err 'cases' "$toa" replay cases
row 'a text is no capture' 3 err 'CMakeLists.txt' "$toa" replay CMakeLists.txt
row 'a link type that is not parsed is named' 3 err 'link type' "$toa" replay cases-failing/link-unknown.pcap
head -c 3000 cases/showcase.pcap >"$scratch/cut.pcap"
row 'a cut capture gives what it had' 3 out 'learn' "$toa" replay "$scratch/cut.pcap"
row 'a cut capture says where it ends' 3 err 'capture-cut.pcap: byte' "$toa" replay cases-failing/capture-cut.pcap
row 'a cut capture has a summary' 3 out '"event":"summary"' "$toa" replay --json --summary cases-failing/capture-cut.pcap
row 'one bad file does not hide the good one' 3 out 'learn' "$toa" replay no-such.pcap $one
row 'a recorded answer that is wrong is status 1' 1 out 'recorded:' "$toa" replay cases-failing/query-disagrees.pcap
row 'a full disk is no silence' 4 err 'cannot write standard output' bash -c "\"\$toa\" replay $one >/dev/full"
row 'a closed pipe is no silence' 4 err 'cannot write standard output' bash -c \
    "set -o pipefail; { sleep 0.2; \"\$toa\" replay $one; } | exec true"

# ---- replay: output
row 'a mapping is a line' 0 out '10.0.1.7:40001>10.0.0.80:443 = 203.0.113.9:51514 254 syn' "$toa" replay $one
row 'an ask is answered with a reason' 0 out 'never_seen' "$toa" replay $one --ask 1,10.9.9.9:1
row 'an ask in JSON has a result' 0 out '"result":"never_seen"' "$toa" replay --json $one --ask 1,10.9.9.9:1
row 'a filter keeps frames away' 0 out 'kept away by the filter: 4' "$toa" replay -f 'tcp port 1' $one
row 'a filter that has no meaning for a link type is no silence' 2 err 'link-ipv4.pcap: the filter does not fit link type 228' \
    "$toa" replay -f 'ether host 2:0:0:0:0:1' cases/link-ipv4.pcap
row '... for inspect neither' 2 err 'link-ipv4.pcap: the filter does not fit link type 228' \
    "$toa" inspect -f 'ether host 2:0:0:0:0:1' cases/link-ipv4.pcap
unparsed=$scratch/unparsed.pcapng # its first interface has link type 147, of users
{ head -c 36 cases/link-unknown-beside-ethernet.pcapng && printf '\223' && tail -c +38 cases/link-unknown-beside-ethernet.pcapng; } >"$unparsed"
row 'a link type that is neither parsed nor filtered does not end the run' 0 out 'records of a link type that is not parsed: 1' \
    "$toa" replay -f tcp "$unparsed"
row '... nor that of inspect' 0 out 'not looked at: 1 foreign' "$toa" inspect -f tcp "$unparsed"
for link in cases/link-{raw,sll,loop,null,ipv}*.pcap; do
    row "a filter works on $link" 0 out '' "$toa" replay -f tcp "$link"
done
links=()
for type in 6 7 8 9 10 50 104 105 107 109 117 119 122 127 163 192; do
    links+=("$scratch/link-$type.pcap")
    { head -c 20 $one && printf %b "\\x$(printf %x "$type")\\0\\0\\0" && tail -c +25 $one; } >"${links[-1]}"
done
row 'a filter works on many link types' 3 out 'learn' "$toa" replay -f 'greater 1' "${links[@]}" $one
row 'the summary alone is one line' 0 out '{"event":"summary","frames":4,"verdicts":{"pass":3,"learn":1},"mappings":1,"lookups":{}}' "$toa" replay --json --summary $one
refused_json() { # EVENT CARRIER CAPTURE [OPTION...]
    local event=$1 carrier=$2 capture=$3
    shift 3
    row "JSON says which segment was $event" 0 out "{\"event\":\"$event\"" "$toa" replay --json "$@" "cases/$capture.pcap"
    row '... its carrier' 0 out "\"server\":\"10.0.0.80:443\",\"carrier\":\"$carrier\"}" "$toa" replay --json "$@" "cases/$capture.pcap"
}
refused_json ambiguous syn ambiguous-experiments
refused_json duplicate ack duplicates --duplicates reject
refused_json malformed ack options-length-0
refused_json truncated ack options-cut
row 'queries in the capture are lookups, as asks are' 0 out '"lookups":{"found":2,"never_seen":1},"queries":2' \
    "$toa" replay --json --summary --ask 1,10.9.9.9:1 cases/query-found.pcap
row 'a custom dialect replaces the default ones' 0 out '0 mappings' "$toa" replay --dialect kind=77,len=8,port=2,ip=4 $one
"$toa" replay cases/showcase.pcap >"$scratch/out" 2>"$scratch/err" && [ ! -s "$scratch/err" ]
verdict 'nothing goes to stderr when stderr is no terminal' "$([ ! -s "$scratch/err" ] && echo true || echo false)"
same 'standard input is a capture like another' '$toa replay --json cases/showcase.pcap' 'cat cases/showcase.pcap | $toa replay --json -'
same 'a gzip is a capture like another' '$toa replay --json cases/showcase.pcap' 'gzip -c cases/showcase.pcap | $toa replay --json -'
same 'locale, time zone and terminal do not matter' '$toa replay cases/showcase.pcap' 'LC_ALL=de_DE.UTF-8 TZ=Asia/Tokyo TERM=dumb COLUMNS=20 NO_COLOR=1 $toa replay cases/showcase.pcap'
same 'two runs print the same bytes' '$toa replay --json cases/showcase.pcap' '$toa replay --json cases/showcase.pcap'

# ---- replay: on a terminal
if command -v script >/dev/null; then
    # A frame that changes nothing, 131072 times; and one that teaches.
    tail -c +25 cases/link-ethernet-arp.pcap >"$scratch/many"
    for _ in $(seq 17); do
        cat "$scratch/many" "$scratch/many" >"$scratch/more"
        mv "$scratch/more" "$scratch/many"
    done
    { head -c 24 cases/link-ethernet-arp.pcap && cat "$scratch/many"; } >"$scratch/many.pcap"
    tail -c +25 cases/carrier-syn.pcap >"$scratch/teach"
    export scratch
    terminal() { script -qec "$1" /dev/null </dev/null; }
    row 'progress is drawn on a terminal' 0 out ' frames, ' \
        terminal '{ sleep 0.3; cat "$scratch/many.pcap" "$scratch/teach"; } | $toa replay -'
    cp "$scratch/out" "$scratch/drawn"
    row '... and taken away before a line' 1 out 0 grep -acE 'M/s.*learn' <(tr '\r' '\n' <"$scratch/drawn")
    row 'the time left is that of one file' 0 out ' 0 s left' \
        terminal '{ sleep 2; cat cases/carrier-syn.pcap; } | $toa replay - "$scratch/many.pcap"'
    rm -f "$scratch"/many* "$scratch/teach"
fi

# ---- check
failing=cases-failing
row 'a case must be named' 2 err 'no case named' "$toa" check
row 'a directory without cases is wrong' 2 err 'no .case file' "$toa" check seeds
row 'a case that is not there is named' 3 err 'no-such.case' "$toa" check no-such.case
row 'a wrong ask shows line, expectation, answer and frame' 1 err 'ask-wrong.case:' "$toa" check $failing/ask-wrong.case
row 'a wrong ask names the frame that decided' 1 err 'decided by frame' "$toa" check $failing/ask-wrong.case
row 'an unknown key shows its line and the known keys' 2 err 'there are capture, source, server' "$toa" check $failing/key-unknown.case
row 'an unknown dialect in a case is wrong' 2 err 'no dialect of this name' "$toa" check $failing/dialect-unknown.case
row 'asks out of order are wrong' 2 err 'they stand in order' "$toa" check $failing/asks-out-of-order.case
row 'a case without source is wrong' 2 err 'no source' "$toa" check $failing/source-missing.case
row 'a reason that is none is wrong' 2 err 'expected is a client' "$toa" check $failing/ask-unknown-reason.case
row '... and the key itself' 2 err "key-unknown.case:4: unknown key 'cache': " "$toa" check $failing/key-unknown.case
row '... and a dialect' 2 err "dialect-unknown.case:4: dialect 'haproxy': no dialect" "$toa" check $failing/dialect-unknown.case
row '... and the time of an ask' 2 err "asks-out-of-order.case:6: ask '0': its time" "$toa" check $failing/asks-out-of-order.case
row '... and a reason' 2 err "ask-unknown-reason.case:5: ask 'gone': expected is" "$toa" check $failing/ask-unknown-reason.case
refused() { # SENTENCE TEXT LINE
    printf 'capture %s/cases/carrier-syn.pcap\nsource x\n%s\n' "$corpus" "$3" >"$scratch/refused.case"
    row "$1" 2 err "$2" "$toa" check "$scratch/refused.case"
}
refused 'a wrong endpoint of an ask is named' "refused.case:3: ask '10.0.1.7': " 'ask 1 10.0.1.7 pending'
refused 'an unknown qualifier is named' "ask 'color=1': behind the answer" 'ask 1 10.0.1.7:40001 pending color=1'
refused 'a word is not shown without end' "unknown key '$(printf 'x%.0s' {1..80})...': there are" "$(printf 'x%.0s' {1..200})"
refused 'standard input is no capture of a case' "capture '-': a case has a file" 'capture -'
for qualifier in kind=254 carrier=syn vip=10.0.0.1 ambiguous; do
    refused "a reason has no $qualifier" "ask '$qualifier': holds of a client alone" "ask 1 10.0.1.7:40001 expired $qualifier"
done
refused 'a client has no free=' "ask 'free=3': holds of no_option alone" 'ask 1 10.0.1.7:40001 203.0.113.9:51514 free=3'
refused 'what was never seen has no time' "ask 'ago=1': nothing is known" 'ask 1 10.0.1.7:40001 never_seen ago=1'
row 'a recorded answer that is not the engine'\''s fails' 1 err 'recorded 198.51.100.77:33333' "$toa" check $failing/query-disagrees.case
row 'a recorded not-found that is not the engine'\''s fails' 1 err 'recorded not found' "$toa" check $failing/query-disagrees-not-found.case
row 'a recorded answer that is right too early fails' 1 err 'recorded 203.0.113.9:51514, the engine says pending' \
    "$toa" check $failing/query-disagrees-too-early.case
row '... and says frame, time and both answers' 1 err \
    'query-disagrees.case: frame 7 at 5.000200000: recorded 198.51.100.77:33333, the engine says 203.0.113.9:51514 254 ack' \
    "$toa" check $failing/query-disagrees.case
mkdir "$scratch/answers"
python3 - "$failing/query-disagrees-not-found.pcap" "$scratch/answers" <<'PY'
import sys
capture, code = open(sys.argv[1], "rb").read(), bytes.fromhex("00000001 01 000000000000")
assert capture.count(code) == 1 and capture.endswith(code)
answer = capture[-(16 + 14 + 20 + 8 + 11):]
def write(name, *parts):
    open(f"{sys.argv[2]}/{name}.pcap", "wb").write(b"".join(parts))
    open(f"{sys.argv[2]}/{name}.case", "w").write(f"capture {name}.pcap\nsource x\n")
write("code-2", capture.replace(code, bytes.fromhex("00000001 02 000000000000")))
found = answer.replace(code, bytes.fromhex("00000001 00 cb007109 c93a"))
write("right-then-wrong", capture[:-len(answer)], found, answer)
write("much-later", capture[:-len(answer)], (int.from_bytes(answer[:4], "little") + 20).to_bytes(4, "little"), answer[4:])
PY
row 'a recorded answer with a code that is none disagrees' 1 out '= 203.0.113.9:51514 254 ack; recorded: broken answer' \
    "$toa" replay "$scratch/answers/code-2.pcap"
row '... in JSON too' 1 out '"result":"found","age":"4.970200000","recorded":"broken answer"}' "$toa" replay --json "$scratch/answers/code-2.pcap"
row '... and is not blessed' 1 err 'code-2.case: not blessed' "$toa" check --bless "$scratch/answers/code-2.case"
row 'a second answer that is wrong disagrees' 1 out 'answers that disagree: 1' "$toa" replay "$scratch/answers/right-then-wrong.pcap"
row 'an answer that came too late is held against what held when it was asked' 1 out \
    '= 203.0.113.9:51514 254 ack; recorded: not found' "$toa" replay "$scratch/answers/much-later.pcap"
decides() { # SENTENCE CAPTURE ASK TEXT [LINE]: a case with this ask, which fails, shows TEXT
    printf 'capture %s/cases/%s.pcap\nsource x\n%s\nask %s replaced\n' "$corpus" "$2" "${5-}" "$3" >"$scratch/refused.case"
    row "$1" 1 err "$4" "$toa" check "$scratch/refused.case"
}
decides 'what decided a client is the last frame that taught it' showcase '1 10.0.1.7:40001' '254 data (decided by frame 4 at 0.021480000: repeat)'
decides '... not one that was not believed' midstream-keeps-mapping '3 10.0.1.7:40001' '254 ack (decided by frame 3 at 0.030000000: learn)'
decides '... of the flow that answered' lookup-live-beside-miss '5 10.0.1.7:40001' '254 syn ambiguous (decided by frame 1 at 0.000000000: learn)'
decides '... among many flows' table-syn-flood '5 10.0.1.7:40001' ' 254 syn ambiguous (decided by frame 1 at 0.000000000: learn)' 'records 16'
decides 'what decided a reason is the frame that gave it' showcase '6 10.0.1.8:40102' '(decided by frame 43 at 1.961577000: no_option)'
decides '... or opened the flow' showcase '6 10.0.1.8:40104' 'pending (decided by frame 57 at 2.600481000: open)'
decides '... or changed it' plant-by-a-second-syn '5 10.0.1.7:40001' 'conflict (decided by frame 3 at 0.030000000: midstream)'
decides 'what expired was taught last' showcase '30 10.0.1.7:40002' '254 data (decided by frame 12 at 0.357850000: repeat)'
decides '... or closed, if that counts' showcase '30 10.0.1.7:40002' '254 data (decided by frame 14 at 0.557670000: close)' 'hold connection'
printf 'capture %s/cases/table-syn-flood.pcap\nsource x\nrecords 16\nask 0 10.9.9.9:1 pending\n' "$corpus" >"$scratch/refused.case"
printf '\xef\xbb\xbf' | cat - cases/showcase.case >"$scratch/showcase.case"
cp cases/showcase.pcap "$scratch"
row 'a byte order mark before a case is no matter' 0 out '1 passed' "$toa" check "$scratch/showcase.case"
row 'a failing case whose table was too small says so' 1 err 'flows were pushed out: raise `records`' "$toa" check "$scratch/refused.case"
row '... and that more records may not help' 1 err '(one fake endpoint keeps 16 flows at most)' "$toa" check "$scratch/refused.case"
row '... replay says it, too' 0 out 'flows without mapping pushed out (--records; one fake endpoint keeps 16 flows at most): 25' \
    "$toa" replay --summary --records 16 cases/table-syn-flood.pcap
row 'a cut capture is unreadable' 3 err 'capture-cut.pcap' "$toa" check $failing/capture-cut.case
row 'many cases end with a count' 0 out ' passed, 0 failed' "$toa" check -j 2 cases
row 'a number of jobs is a number' 2 err 'from 1 to 256' "$toa" check -j 0 cases
same 'parallel runs print the same' '$toa check cases' '$toa check -j 8 cases'

mkdir "$scratch/b" && cp cases/carrier-syn.case cases/carrier-syn.pcap "$scratch/b"
sed -i 's/learn  /repeat /' "$scratch/b/carrier-syn.case"
row 'a record line that differs shows both' 1 err 'recorded:' "$toa" check "$scratch/b"
row 'blessing writes what is' 0 out '1 passed' "$toa" check --bless "$scratch/b"
same 'a blessed case is as it was' "cat cases/carrier-syn.case" "cat $scratch/b/carrier-syn.case"
sed '/^---$/,$d' cases/carrier-syn.case >"$scratch/b/carrier-syn.case"
row 'a case without a record says so' 0 out 'no record yet' "$toa" check "$scratch/b"
sed -i 's/^ask.*/ask 1 10.0.1.7:40001 pending/' "$scratch/b/carrier-syn.case"
cp "$scratch/b/carrier-syn.case" "$scratch/before"
row 'blessing refuses a case whose ask fails' 1 err 'not blessed' "$toa" check --bless "$scratch/b"
same 'a case that was not blessed is as it was' "cat $scratch/before" "cat $scratch/b/carrier-syn.case"
cp "$scratch/before" "$scratch/c.case" && sed -i '/^ask/d; s/^capture.*/capture b\/carrier-syn.pcap/' "$scratch/c.case"
ln -s c.case "$scratch/link.case" && chmod 640 "$scratch/c.case"
echo mine >"$scratch/mine" && ln -s mine "$scratch/c.case.new" && ln -s mine "$scratch/link.case.new"
row 'a case is blessed through a link' 0 out '1 passed' "$toa" check --bless "$scratch/link.case"
row '... which stays one' 0 out 'c.case' readlink "$scratch/link.case"
row '... and the mode stays' 0 out '640' stat -c %a "$scratch/c.case"
row '... and the record stands in the file' 0 out 'learn' cat "$scratch/c.case"
row '... and files beside it are left alone' 0 out 'mine' cat "$scratch/mine"
row '... and nothing is left beside it' 0 out 'c.case c.case.new link.case link.case.new' bash -c "cd '$scratch' && echo *.case*"
row 'a case that is named twice is blessed by both' 0 out '2 passed' "$toa" check --bless -j 2 "$scratch/c.case" "$scratch/link.case"
cp "$scratch/c.case" "$scratch/c.before"
row 'a case that cannot be written is no silence' 4 out 'cannot be written: File too large' bash -c \
    "set -o pipefail; (trap '' XFSZ; ulimit -f 0; exec \"\$toa\" check --bless '$scratch/c.case') 2>&1 | cat"
same '... and is as it was' "cat '$scratch/c.before'" "cat '$scratch/c.case'"
row '... and nothing is left beside it' 0 out 'c.case c.case.new link.case link.case.new' bash -c "cd '$scratch' && echo *.case*"
sed '/^---$/,$d' "$scratch/c.case" >"$scratch/long.case"
yes "# $(printf '%4094s' '')" | head -c $((64 * 1024 * 1024 - 10 - $(stat -c %s "$scratch/long.case"))) >>"$scratch/long.case"
row 'blessing refuses what could not be read again' 4 err '64 MiB' "$toa" check --bless "$scratch/long.case"
row '... and leaves the case as it was' 0 out '1 passed' "$toa" check "$scratch/long.case"
rm "$scratch/long.case"
row 'JUnit is written' 1 out '0 passed, 1 failed' "$toa" check --junit "$scratch/j.xml" "$scratch/b"
row 'JUnit holds the failure' 0 out '<failure message="' cat "$scratch/j.xml"
row 'JUnit that cannot be written is no silence' 4 err 'cannot be written' "$toa" check --junit /dev/full cases/carrier-syn.case

"$toa" check --junit "$scratch/old.xml" cases/carrier-syn.case >/dev/null
row 'a path that is wrong runs no case' 3 err 'nonexist' "$toa" check --junit "$scratch/old.xml" cases/carrier-syn.case nonexist
row '... and leaves no older report' 0 out 'name="nonexist">' cat "$scratch/old.xml"
row '... but one with an error' 0 out 'tests="1" failures="0" errors="1"' cat "$scratch/old.xml"
"$toa" check --junit "$scratch/old.xml" cases/carrier-syn.case >/dev/null
row 'neither does a wrong option' 2 err 'no such option' bash -c "\"\$0\" check --junit \"\$1\" --nonsense x || { status=\$?; grep -q 'errors=\"1\"' \"\$1\" && exit \$status; }" "$toa" "$scratch/old.xml"
cp cases/carrier-syn.case "$scratch/taken.case"
row 'a case that is taken for the report stays one' 2 err 'no case named' "$toa" check --junit "$scratch/taken.case"
row '... as it was' 0 out 'same' bash -c 'cmp "$1" "$2" && echo same' - cases/carrier-syn.case "$scratch/taken.case"
row 'JUnit to standard output is all that is there' 1 out '<failure message="' "$toa" check --junit - "$scratch/b"
python3 -c 'import sys, xml.dom.minidom as xml; xml.parse(sys.argv[1])' "$scratch/out" 2>"$scratch/other"
verdict '... so that it is XML' "$([ $? -eq 0 ] && echo true || echo false)"
row '... and people are told elsewhere' 1 err '0 passed, 1 failed' "$toa" check --junit - "$scratch/b"
row '... which is no silence when it fails' 4 err 'cannot be written' bash -c "\"\$toa\" check --junit - cases/carrier-syn.case >/dev/full"

mkdir -p "$scratch/circle/below" && cp cases/carrier-syn.case cases/carrier-syn.pcap "$scratch/circle/below" && ln -s .. "$scratch/circle/below/a"
row 'a link back to a directory above hides no case' 0 out '1 passed' "$toa" check "$scratch/circle"
row '... and is told' 0 err 'below/a: a link back to a directory above it, not followed' "$toa" check "$scratch/circle"

mkdir "$scratch/odd" && cp cases/carrier-syn.case cases/carrier-syn.pcap "$scratch/odd"
ln -s nothing "$scratch/odd/z.case"
row 'a link to nothing among cases is no silence' 3 err 'z.case: a link to nothing' "$toa" check "$scratch/odd"
row '... and none when it is named' 3 err 'No such file' "$toa" check "$scratch/odd/z.case"
rm "$scratch/odd/z.case" && mkfifo "$scratch/odd/z.case"
row 'a pipe among cases is not waited for' 3 err 'z.case: not a file' timeout 10 "$toa" check "$scratch/odd"
row 'a pipe that is named is a case' 3 err 'nowhere.pcap' "$toa" check <(printf 'capture /nowhere.pcap\nsource x\n')

row 'a name too long for a file is one of option bytes' 0 out '150 bytes: more than the 40' "$toa" inspect "$(printf 'f%.0s' {1..300})"

# ---- Names that are not UTF-8, or hold what XML does not
odd=$scratch/$'\xff\xc3\xa4\x01<&"\t\xed\xa0\x80'
mkdir "$odd" && cp cases/carrier-syn.pcap "$odd" && cp "$failing/ask-wrong-reason.case" "$failing/one-connection.pcap" "$odd"
row 'JSON has U+FFFD for what is no UTF-8, and keeps what is' 0 out $'/\xef\xbf\xbd\xc3\xa4\\u0001<&\\"\\u0009\xef\xbf\xbd' \
    "$toa" inspect --json "$odd/carrier-syn.pcap"
row 'JUnit has ? for what XML cannot hold' 1 out '0 passed, 1 failed' "$toa" check --junit "$scratch/j.xml" "$odd"
row '... and keeps what it can' 0 out $'/?\xc3\xa4?&#60;&#38;&#34;&#9;???/' cat "$scratch/j.xml"
python3 -c 'import sys, xml.dom.minidom as xml; xml.parse(sys.argv[1])' "$scratch/j.xml" 2>"$scratch/err"
verdict '... so that it is XML' "$([ $? -eq 0 ] && echo true || echo false)"

printf '%d passed, %d failed\n' "$n_passed" "$n_failed"
[ "$n_failed" -eq 0 ]
