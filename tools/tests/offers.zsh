# What zsh offers for a command line, one offer a line: it completes in a terminal of its own.
# Call: zsh -f tools/tests/offers.zsh FILE 'LINE'   FILE is the completion of toa
zmodload zsh/zpty
file=$1 line=$2
zpty shell zsh -f -i
zpty -w shell 'PROMPT=; unset zle_bracketed_paste; stty -echo'
zpty -w shell 'autoload -Uz compinit; compinit -u -D; fpath=()'
zpty -w shell "functions[_toa]=\"\$(<$file)\"; compdef _toa toa; cd ${(q)PWD}"
# Everything that a completion offers goes through compadd; -O gives what would match.
zpty -w shell 'compadd() {
    if [[ ${@[1,(i)(-|--)]} == *-(O|A|D)\ * ]]; then builtin compadd "$@"; return; fi
    typeset -a hits
    builtin compadd -O hits "$@"
    print -rl -- "offer:"$^hits >>|$OFFERS
    builtin compadd "$@"
}'
OFFERS=$(mktemp)
zpty -w shell "OFFERS=$OFFERS; zstyle ':completion:*' list-prompt ''; setopt no_beep; LISTMAX=10000"
zpty -w shell 'done-here() { print -r done >>|$OFFERS }; zle -N done-here; bindkey "^T" done-here'
zpty -w -n shell "$line"$'\t\x14'
for try in {1..100}; do
    grep -qx done $OFFERS && break
    zpty -r -t shell output
    sleep 0.05
done
sed -n 's/^offer://p' $OFFERS | sort -u
rm -f $OFFERS
zpty -d shell
