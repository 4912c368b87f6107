#!/usr/bin/env bash
# toa run: what it refuses, and what it hands on. A row is a sentence.
# Call: compat/preload/tests/run.sh TOA PROBE   PROBE is probe.c
set -uo pipefail
toa=$(realpath "$1")
probe=$(realpath "$2")
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch" || exit 1
n_passed=0
n_failed=0

row() { # SENTENCE STATUS STREAM TEXT COMMAND...
    local sentence=$1 status=$2 stream=$3 text=$4
    shift 4
    "$@" >out 2>err </dev/null
    local got=$?
    if [ "$got" -eq "$status" ] && { [ -z "$text" ] || grep -qF -- "$text" "$stream"; }; then
        n_passed=$((n_passed + 1))
    else
        n_failed=$((n_failed + 1))
        echo "FAILED: $sentence (wanted $status and '$text', got $got)"
        sed 's/^/    /' out err | head -n 5
    fi
}

row 'help is help' 0 out 'usage: toa run' "$toa" run --help
row 'a program must be named' 2 err 'no program named' "$toa" run --log
row 'a program that is not there is named' 4 err 'no-such: no such program' "$toa" run no-such
row '... as what it is: a directory' 4 err '/tmp: a directory' "$toa" run /tmp
touch text && chmod 644 text
row '... not executable' 4 err './text: not executable' "$toa" run ./text
row '... where PATH has it too' 4 err 'toa run: text: not executable' env PATH="$scratch:/no-such" "$toa" run text
row 'the status is the program'"'"'s' 7 out '' "$toa" run sh -c 'exit 7'
row 'what stands behind the program is its own' 0 out '--log --help' "$toa" run echo --log --help
row '... with -- too' 0 out '--log' "$toa" run -- echo --log
row 'options become variables' 0 out 'TOA_PRELOAD_TRUST=10.0.0.0/8;10.1.0.0/16' \
    "$toa" run --trust 10.0.0.0/8 --trust 10.1.0.0/16 env
row 'the library is loaded' 0 out 'libtoa-preload.so' "$toa" run cat /proc/self/maps
row '... and its path can be asked for' 0 out '/libtoa-preload.so' "$toa" run printenv LD_PRELOAD
row 'a library before it stays' 0 out 'libtoa-preload.so:/other.so' env LD_PRELOAD=/other.so "$toa" run env
row 'a broken pipe ends the program as without it' 0 out 'SigIgn:	0000000000000000' "$toa" run grep SigIgn /proc/self/status
row 'a wrong source is wrong' 2 err "--sources 'daemon': there are syn and service" "$toa" run --sources daemon true
row '... and one that stands twice' 2 err "--sources 'syn,syn': each source stands once" "$toa" run --sources syn,syn true
row 'a service may have a name' 0 out 'TOA_PRELOAD_SERVICE=127.0.0.1:9998' "$toa" run --server localhost:9998 env
row '... and the port that is usual' 0 out 'TOA_PRELOAD_SERVICE=[::1]:9999' "$toa" run --server '[::1]' env
row 'a wrong service is wrong' 2 err "--server 'x:': not HOST:PORT" "$toa" run --server x: true
row '... and a port that is none' 2 err "--server 'localhost:http'" "$toa" run --server localhost:http true
row 'a wrong prefix is wrong' 2 err '--trust' "$toa" run --trust 10.1.2.3/8 true
row 'a library that is not there is named' 4 err 'no-such.so' "$toa" run --library no-such.so true
row 'wrong variables leave the program alone' 0 err 'TOA_PRELOAD_WAIT: ' env TOA_PRELOAD_WAIT=x "$toa" run true

"$probe" pointers >pointers
row 'whatever a program points to, the kernel judges it' 0 out '14 rows' "$toa" run "$probe" pointers
row '... as without the library' 0 out '' sh -c '"$1" run "$2" pointers | cmp - pointers' sh "$toa" "$probe"
row 'SYNs for a listener that was passed on are saved' 0 out 'SYNs are saved' \
    "$probe" listening "$toa" run "$probe" saves
row '... unless they are not asked' 0 out 'SYNs are not saved' \
    "$probe" listening "$toa" run --sources service "$probe" saves
row '... or it is somebody else'"'"'s' 0 out 'SYNs are not saved' \
    env LISTEN_PID=1 "$probe" listening "$toa" run "$probe" saves

printf 'int main(void) { return 0; }\n' >static.c
if gcc -static static.c -o static 2>/dev/null; then
    row 'a static program is refused' 2 err 'statically linked' "$toa" run ./static
    printf '#!%s/static\n' "$scratch" >script && chmod +x script
    row '... as a script'"'"'s interpreter too' 2 err 'statically linked' "$toa" run ./script
    head -c 100 static >cut && chmod +x cut
    row 'a broken program is no crash' 2 err 'statically linked' "$toa" run ./cut
fi
printf '#!/usr/bin/env sh\nexit 5\n' >by-env && chmod +x by-env
row 'a script runs' 5 out '' "$toa" run ./by-env
if command -v go >/dev/null; then
    row 'a Go program is refused' 2 err 'compat/go has a listener' "$toa" run "$(command -v go)"
fi
if [ "$(id -u)" -eq 0 ] && command -v setpriv >/dev/null; then
    cp "$(type -P true)" setuid && chmod 4755 setuid && chmod 755 "$scratch"
    row 'a setuid program is refused to who has not its rights' 2 err 'setuid' \
        setpriv --reuid 65534 --clear-groups "$toa" run ./setuid
fi

echo "$n_passed passed, $n_failed failed"
((n_failed == 0))
