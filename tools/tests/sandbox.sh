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

rows = re.search(r"static const rule allowed\[\] = \{(.*?)^\};", open(sys.argv[1]).read(), re.S | re.M)
allowed = set()
for call, value in re.findall(r"\{\.?\w* ?=? ?SCMP_SYS\((\w+)\)(?:, \w+, EQUAL, \d, (\w+))?", rows[1]):
    allowed.add((call, value))

seen, wrong = set(), set()
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
        seen.update((call[1], value) for value in [""] + re.findall(r"\w+", line.split("=")[0] + line))
        if "ENOSYS" in line and call[1] != "clone3" and "socket(AF_UNIX" not in line:
            wrong.add("refused: " + line.strip())
        if "SIGSYS" in line:
            wrong.add("ended by the sandbox: " + line.strip())
for call, value in sorted(allowed - seen):
    wrong.add(f"allowed, and nobody needs it: {call} {value}")
print("\n".join(sorted(wrong)) or f"{len(allowed)} calls allowed, all of them used, in {n_sandboxed} runs")
sys.exit(bool(wrong) or n_sandboxed == 0)
PY
