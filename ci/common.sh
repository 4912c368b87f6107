# shellcheck shell=bash
# Functions for the scripts beside this file, which source it. They all run in the project's root.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

jobs=$(nproc)

die() {
    echo "$*" >&2
    exit 1
}

# build PRESET [TARGET...]: configures and builds.
build() {
    local preset=$1
    shift
    cmake --preset "$preset" "${configure_options[@]}" >/dev/null
    (($#)) && set -- --target "$@"
    cmake --build --preset "$preset" -j "$jobs" "$@"
}
configure_options=()

# steady COMMAND...: runs it without address space randomisation where that can be had. Sanitizers
# of this age do not start with every layout that newer kernels choose.
steady() {
    if setarch -R true 2>/dev/null; then
        setarch -R "$@"
    else
        "$@"
    fi
}

# copy_tree DIRECTORY: what git knows, and what it would add, as it lies there now.
copy_tree() {
    mkdir -p "$1"
    git ls-files -coz --exclude-standard |
        while IFS= read -r -d '' file; do [[ ! -e $file ]] || printf '%s\0' "$file"; done |
        tar -c --null -T - | tar -x -C "$1"
}

# scratch: a new directory, named in $scratch, that goes when the script ends.
scratch() {
    scratch=$(mktemp -d)
    trap 'rm -rf "$scratch"' EXIT
}
