#!/usr/bin/env bash
# Lint, types, documentation and tests.
#
# Usage: bash launch/test.sh [--lowest | --newest] [ARGUMENT OF PYTEST]...
#
# Options:
#     --lowest    only the tests, with the lowest versions of jax, flax, orbax and grain that setup.py allows
#     --newest    only the tests, with the newest versions of all libraries
#     All others are those of pytest. Without any, the fast tests run.
#
# Examples:
#     bash launch/test.sh
#     bash launch/test.sh tests/pose/test_normalization.py
#     bash launch/test.sh -m extended
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. launch/_venv.sh
answer_help "${1:-}" # others are those of pytest

ARCHIVE=../shared/data/how2sign.tar.xz
LIBRARIES="jax flax orbax-checkpoint grain" # whose new versions most often change what signjax uses
# two processes; a file's tests stay together
PYTEST=(pytest -n 2 --dist loadfile --no-loadscope-reorder -m "not extended and not slow and not soak")

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

# Makes .venv-lowest, with the lowest versions of LIBRARIES that setup.py allows, or .venv-newest, with the newest
# of everything; anew, as the newest are others every week.
prepare_versions() {
    local home=.venv-$1 name
    make_venv "$home"
    PYTHON=$home/bin/python
    for name in $LIBRARIES; do
        [ "$1" = newest ] || sed -n "s/^ *\"\($name\)>=\([0-9.]*\)[,\"].*/\1==\2/p" setup.py
    done >"$home/versions"
    # jax allows other versions of its compiled half, which setup.py does not name.
    sed -n "s/^jax==/jaxlib==/p" "$home/versions" >"$home/jaxlib"
    # shellcheck disable=SC2046 # a word for each version
    print_progress "Installing into $home:" $(cat "$home/versions" "$home/jaxlib")
    "$PYTHON" "${PIP[@]}" -c "$home/versions" -c "$home/jaxlib" -e ".[test]" ||
        fail "pip could not install signjax in $home, see above"
}

# Runs a module of Python and says so; the script's exit code is that of the last part that failed.
run() {
    print_progress "$*"
    "$PYTHON" -m "$@" || code=$?
}

code=0
case ${1:-} in
    --lowest | --newest)
        prepare_versions "${1#--}"
        find_real_data
        run "${PYTEST[@]}" "${@:2}"
        exit $code
        ;;
esac
prepare_python test,docs
find_real_data
export NO_MKDOCS_2_WARNING=1 # a notice about a later version, not about these pages
run ruff check .
run ruff format --check --quiet .
run pyright --pythonpath "$PYTHON" # by itself it looks for libraries in another Python
run mkdocs build --strict --quiet
run "${PYTEST[@]}" "$@"
print_progress "Done in $SECONDS s, exit code $code"
exit $code
