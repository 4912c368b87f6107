#!/usr/bin/env bash
# Watches the daemon's system calls (strace) while its own tests run: what its sandbox allows and
# nobody needs fails, and so does a call that the sandbox refuses and was not expected.
# Call: tools/tests/sandbox.sh TOA CORPUS SANDBOX.C      without strace or namespaces: skipped (77)
set -uo pipefail
toa=$(realpath "$1")
corpus=$(realpath "$2")
list=$(realpath "$3")
here=$(dirname "$(realpath "$0")")
scratch=$(mktemp -d)
chmod 777 "$scratch"
trap 'rm -rf "$scratch"' EXIT

if ! strace -o /dev/null true 2>/dev/null; then
    echo "SKIPPED: no strace, or it may not trace: the sandbox's list is NOT tested"
    exit 77
fi

# A kernel without landlock, or one that refuses it, is told of; COMMAND fails soon, for want of an interface.
for command in "serve --server any:8080 --listen 127.0.0.1:0" capture "doctor --server any:8080 --seconds 1"; do
    for why in ENOSYS EPERM EOPNOTSUPP; do
        # shellcheck disable=SC2086
        timeout 60 strace -f -qq -o /dev/null -e "inject=landlock_create_ruleset:error=$why" \
            "$toa" $command -i no-such0 >"$scratch/said" 2>&1 </dev/null
        if grep -q 'no-such0' "$scratch/said" && grep -q 'has no landlock' "$scratch/said"; then
            continue
        fi
        printf 'FAILED: without landlock (%s), %s says so\n' "$why" "$command"
        cat "$scratch/said"
        exit 1
    done
done

# With -D the daemon keeps the process number that signals are sent to.
cat >"$scratch/toa" <<SH
#!/bin/sh
exec strace -D -f -qq -o "$scratch/trace.\$\$" "$toa" "\$@"
SH
chmod 755 "$scratch/toa"

"$here/serve.sh" "$scratch/toa" "$corpus" || exit 1
"$here/ctl.sh" "$scratch/toa" "$corpus" || exit 1
"$here/systemd.sh" "$scratch/toa" "$corpus" "$(dirname "$list")/systemd" || exit 1
"$here/live.sh" "$scratch/toa" || exit

python3 - "$list" "$scratch" <<'PY'
import glob, re, sys

# What the tests cannot bring about, and the sandbox allows all the same: its other list, and tgkill, for abort().
rare = {"clock_gettime", "mremap", "fstat", "ppoll", "faccessat", "unlinkat", "gettid", "rt_sigreturn", "tgkill"}
source = open(sys.argv[1]).read()
macros = {name: set(re.findall(r"[A-Z]\w+_\w+", value)) for name, value in re.findall(r"^#define (\w+) +(.*)", source, re.M)}

def rows_of(name):
    """The calls on a list, each with the words that its arguments must have."""
    text = re.search(rf"static const rule {name}\[\] = \{{(.*?)^\}};", source, re.S | re.M)[1]
    rows = re.findall(r"\{(?:\.call = )?SCMP_SYS\((\w+)\)((?:[^{}]|\{(?:[^{}]|\{[^{}]*\})*\})*)\}", text)
    assert len(rows) == text.count("SCMP_SYS"), f"{name}: not all of it was understood"
    found = set()
    for call, rest in rows:
        values = [value for value in re.findall(r"\{\d, [^,{}]+, ([^{}]+)\}", rest) if value != "0"]
        words = set().union(*(macros.get(value) or set(re.findall(r"\w+", value)) for value in values))
        found.add((call, frozenset(words)))
    return found

allowed = rows_of("allowed")
others = {call for call, words in rows_of("rare")} | set(re.findall(r"SCMP_ACT_ALLOW, SCMP_SYS\((\w+)\)", source))

seen, wrong = set(), {f"allowed, and neither tried nor excused: {call}" for call in others ^ rare}
n_sandboxed = 0
for trace in glob.glob(sys.argv[2] + "/trace.*"):
    inside = False
    begun = {}
    for line in open(trace, errors="replace"):
        thread = line.split(" ", 1)[0]
        if "<unfinished" in line:
            begun[thread] = line
        elif "resumed>" in line:
            line = begun.pop(thread, "").split("<unfinished")[0] + line.split("resumed>", 1)[1]
        if "PR_SET_SECCOMP" in line or "seccomp(SECCOMP_SET_MODE_FILTER" in line:
            inside = True
            n_sandboxed += 1
            continue
        call = re.match(r"\d+\s+(?:<\.\.\. )?(\w+)[( ]", line)
        if not inside or call is None or call[1] in ("exited", "killed"):
            continue
        words = set(re.findall(r"\w+", line))
        seen.update(row for row in allowed if row[0] == call[1] and row[1] <= words)
        if call[1] in rare:
            wrong.add(f"called, and said to be what the tests cannot bring about: {call[1]}")
        if "ENOSYS" in line and call[1] != "clone3" and "socket(AF_UNIX" not in line:
            wrong.add("refused: " + line.strip())
        if "SIGSYS" in line:
            wrong.add("ended by the sandbox: " + line.strip())
for call, words in allowed - seen:
    wrong.add(f"allowed, and nobody needs it: {call} {' '.join(sorted(words))}")
print("\n".join(sorted(wrong)) or
      f"{len(allowed)} calls allowed, all of them used, in {n_sandboxed} runs; and {len(rare)} that tests cannot bring about")
sys.exit(bool(wrong) or n_sandboxed == 0)
PY
