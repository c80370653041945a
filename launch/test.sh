#!/usr/bin/env bash
# Lint, types, documentation and tests: bash launch/test.sh [arguments of pytest, such as tests/pose/test_normalization.py or -m extended]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. launch/_venv.sh

ARCHIVE=../shared/data/how2sign.tar.xz

# Names the real data, if this machine has any, and demands that their tests run: unpacked once, outside
# the tree, under the name of its content.
find_real_data() {
    local sum
    if [ -z "${SIGNJAX_REAL_DATA:-}" ] && [ ! -e $ARCHIVE ]; then
        print_progress "No real data here: their tests are skipped"
        return
    fi
    if [ -z "${SIGNJAX_REAL_DATA:-}" ]; then
        sum=$(cksum <$ARCHIVE)
        SIGNJAX_REAL_DATA=${TMPDIR:-/tmp}/signjax-real-data-${sum// /-}
        if [ ! -d "$SIGNJAX_REAL_DATA" ]; then
            print_progress "Unpacking $ARCHIVE into $SIGNJAX_REAL_DATA"
            trap 'rm -rf "${folder:-}"' EXIT
            folder=$(mktemp -d "$SIGNJAX_REAL_DATA.XXXXXX")
            "$PYTHON" -W ignore -m tarfile -e $ARCHIVE "$folder"
            mv "$folder" "$SIGNJAX_REAL_DATA"
        fi
    fi
    [ -d "$SIGNJAX_REAL_DATA/how2sign" ] || fail "SIGNJAX_REAL_DATA: no folder how2sign in $SIGNJAX_REAL_DATA"
    export SIGNJAX_REAL_DATA SIGNJAX_REQUIRE_REAL=1
    print_progress "Real data: $SIGNJAX_REAL_DATA"
}

# Runs a module of Python and says so; the script's exit code is that of the last part that failed.
run() {
    print_progress "$*"
    "$PYTHON" -m "$@" || code=$?
}

prepare_python test,docs
find_real_data
code=0
export NO_MKDOCS_2_WARNING=1 # a notice about a later version, not about these pages
run ruff check .
run ruff format --check --quiet .
run pyright --pythonpath "$PYTHON" # by itself it looks for libraries in another Python
run mkdocs build --strict --quiet
# two processes; a file's tests stay together
run pytest -n 2 --dist loadfile --no-loadscope-reorder -m "not extended and not slow and not soak" "$@"
print_progress "Done in $SECONDS s, exit code $code"
exit $code
