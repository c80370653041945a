#!/usr/bin/env bash
# Lint and tests: bash launch/test.sh [arguments of pytest, such as tests/pose/test_normalization.py or -m slow]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. launch/_venv.sh

ARCHIVE=../shared/data/how2sign.tar.xz

# Names the real data, if this machine has any, and demands that their tests run: unpacked once, outside
# the tree, under the name of its content.
find_real_data() {
    local sum
    if [ -z "${SIGNJAX_REAL_DATA:-}" ] && [ ! -e $ARCHIVE ]; then
        say "No real data here: their tests are skipped"
        return
    fi
    if [ -z "${SIGNJAX_REAL_DATA:-}" ]; then
        sum=$(cksum <$ARCHIVE)
        SIGNJAX_REAL_DATA=${TMPDIR:-/tmp}/signjax-real-data-${sum// /-}
        if [ ! -d "$SIGNJAX_REAL_DATA" ]; then
            say "Unpacking $ARCHIVE into $SIGNJAX_REAL_DATA"
            trap 'rm -rf "${folder:-}"' EXIT
            folder=$(mktemp -d "$SIGNJAX_REAL_DATA.XXXXXX")
            "$PYTHON" -W ignore -m tarfile -e $ARCHIVE "$folder"
            mv "$folder" "$SIGNJAX_REAL_DATA"
        fi
    fi
    [ -d "$SIGNJAX_REAL_DATA/how2sign" ] || fail "SIGNJAX_REAL_DATA: no folder how2sign in $SIGNJAX_REAL_DATA"
    export SIGNJAX_REAL_DATA SIGNJAX_REQUIRE_REAL=1
    say "Real data: $SIGNJAX_REAL_DATA"
}

ready_python
find_real_data
code=0
say "ruff check ."
"$PYTHON" -m ruff check . || code=$?
say "pytest -n 2 --dist loadfile --no-loadscope-reorder -m 'not slow and not soak' $*" # two processes; a file's tests stay together
"$PYTHON" -m pytest -n 2 --dist loadfile --no-loadscope-reorder -m "not slow and not soak" "$@" || code=$?
say "Done in $SECONDS s, exit code $code"
exit $code
