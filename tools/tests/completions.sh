#!/usr/bin/env bash
# What bash, zsh and fish offer for the beginning of a command line. A row is a sentence.
# Call: tools/tests/completions.sh PAGES TOA   PAGES has the files bash, zsh and fish
# A shell that is not installed is named and left out.
set -uo pipefail
pages=$(realpath "$1")
toa=$(realpath "$2")
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
mkdir "$scratch/a-directory" && touch "$scratch/a.pcap" && cd "$scratch" || exit 1
mkdir bin && printf '#!/bin/sh\n' >bin/nginx-like && chmod +x bin/nginx-like && export PATH=$PATH:$scratch/bin
n_passed=0
n_failed=0

# The offers of each shell, one a line, for the words of a command line; the last one is begun.
offers_bash() {
    bash -c '. "$1/bash"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _toa
        printf "%s\n" "${COMPREPLY[@]}"' bash "$pages" "$@"
}
offers_fish() {
    fish --no-config -c "source '$pages/fish'; complete -C '$*'" | cut -f 1
}
# zsh completes in a terminal alone: it gets one, and functions that say what they are told to add.
offers_zsh() {
    zsh -f "$(dirname "$script")/offers.zsh" "$pages/zsh" "$*"
}
script=$(realpath "$0" 2>/dev/null || realpath "$OLDPWD/$0")

row() { # SENTENCE SHELL WANTED... -- WORD...: every WANTED is offered; ^WANTED: it is not
    local sentence=$1 shell=$2 wanted=() one missing=''
    shift 2
    while [[ $1 != -- ]]; do
        wanted+=("$1")
        shift
    done
    shift
    "offers_$shell" "$@" >"$scratch/.offers" 2>"$scratch/.errors"
    for one in "${wanted[@]}"; do
        if [[ $one == ^* ]]; then
            ! grep -qxF -e "${one#^}" "$scratch/.offers" || missing+=" ${one#^} is offered"
        else
            grep -qxF -e "$one" "$scratch/.offers" || missing+=" no $one"
        fi
    done
    [[ ! -s $scratch/.errors ]] || missing+=" errors: $(head -n 3 "$scratch/.errors")"
    if [[ -z $missing ]]; then
        n_passed=$((n_passed + 1))
    else
        n_failed=$((n_failed + 1))
        printf 'FAILED: %s: %s:%s; offered: %s\n' "$shell" "$sentence" "$missing" \
            "$(head -n 30 "$scratch/.offers" | tr '\n' ' ')"
    fi
}

for shell in bash zsh fish; do
    command -v "$shell" >/dev/null || {
        echo "no $shell"
        continue
    }
    "$shell" -n "$pages/$shell" || n_failed=$((n_failed + 1))
    row 'commands come first' $shell replay serve inspect ^--json -- toa ''
    row 'their beginning chooses' $shell replay ^serve -- toa rep
    row 'a command has its options' $shell --midstream --dialect --json ^--bless -- toa replay --
    row '... and no others' $shell --bless --jobs ^--dialect -- toa check --
    row 'an option with a few values has them' $shell first last reject ^a.pcap -- toa replay --duplicates ''
    row '... whose beginning chooses' $shell tencent ^lvs -- toa replay --dialect te
    row 'a file is offered where a file goes' $shell a.pcap -- toa replay a.
    row '... behind an option too' $shell a.pcap -- toa serve --read a.
    row '... and behind its letter' $shell a.pcap -- toa serve -r a.
    row 'an interface is offered where one goes' $shell lo -- toa serve --interface l
    row 'nothing is offered where nothing is known' $shell ^a.pcap ^--json -- toa replay --ttl ''
    row 'a program is offered where one goes' $shell nginx-like ^if ^while ^_toa ^--log -- toa run -- ngi
    row '... and nothing that the shell alone knows' $shell ^if ^_toa ^export -- toa run -- ''
    row '... behind the options of toa' $shell nginx-like ^--log -- toa run --log --sources syn ngi
    row 'those are offered before it' $shell --sources --log ^-c -- toa run --log --
    row '... and not behind it' $shell ^--log ^--sources -- toa run -- nginx-like --
    row '... without -- too' $shell ^--log ^--sources -- toa run --sources syn nginx-like --
    row 'what stands behind it may be a file' $shell a.pcap -- toa run --log nginx-like a.
done
row 'a value may stand behind =' bash reject ^last -- toa replay --duplicates = re
row 'a directory alone is offered where one goes' bash a-directory ^a.pcap -- toa serve --record a
row 'a directory is offered where one goes' fish a-directory/ -- toa serve --record a-

# Every word that is offered for a value is one that the program takes: no message says that it is wrong.
while read -r command option words; do
    for word in $words; do
        [[ $word != @* ]] || continue
        "$toa" "$command" "$option" "$word" --no-such-option >/dev/null 2>"$scratch/.errors"
        if grep -q "no such option: '--no-such-option'" "$scratch/.errors"; then
            n_passed=$((n_passed + 1))
        else
            n_failed=$((n_failed + 1))
            echo "FAILED: toa $command $option $word: $(head -n 1 "$scratch/.errors")"
        fi
    done
done < <(sed -n "s/^    '\([a-z]*\) \(--[a-z-]*\)'.*offer='\(..*\)' ;;/\1 \2 \3/p" "$pages/bash")

echo "$n_passed passed, $n_failed failed"
((n_failed == 0))
