# Sourced by the scripts beside it: a Python with signjax installed in it, as $PYTHON; lines with the time.
# shellcheck shell=bash

STAMP=signjax.stamp # in the environment; says which setup.py of which checkout is installed there
VERSION_CHECK='import sys, pip; sys.exit(sys.version_info < (3, 11))'
PIP=(-m pip install -qq --no-input --disable-pip-version-check)
DRY="" # not empty under --dry_run of the scripts that have it

trap 'exit 130' INT # else bash goes on when a program ends in good order after Ctrl-C

print_progress() { [ -n "$DRY" ] || printf '[%2d:%02d] %s\n' $((SECONDS / 60)) $((SECONDS % 60)) "$*"; }

# Shows the comment at the top of a script that sourced this, if one of the words asks for it, and ends the script.
# answer_help WORD...
answer_help() {
    local word
    for word in "$@"; do
        case $word in
            -h | --help)
                sed -n '2,/^[^#]/s/^# \{0,1\}//p' "launch/${0##*/}" # the scripts have gone to the checkout
                exit
                ;;
        esac
    done
}

fail() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

# Makes $PYTHON ready: the active virtual environment's, or that of .venv, made or repaired if need be.
# prepare_python [EXTRA,... of setup.py, default test]
prepare_python() {
    local home=${VIRTUAL_ENV:-.venv} extras=${1:-test}
    PYTHON=$home/bin/python
    if [ -n "$DRY" ]; then # what a new machine needs
        [ -n "${VIRTUAL_ENV:-}" ] || quote_command python3 -m venv --clear "$home"
        quote_command "$PYTHON" "${PIP[@]}" -e ".[$extras]"
        return
    elif [ -n "${VIRTUAL_ENV:-}" ]; then
        "$PYTHON" -c "$VERSION_CHECK" 2>/dev/null ||
            fail "the active environment $home has no Python 3.11 or newer with pip; leave it: deactivate"
    elif [ ! -e "$home/$STAMP" ] || ! "$PYTHON" -c "$VERSION_CHECK" 2>/dev/null; then # new, half made or broken
        make_venv "$home"
    fi
    install_package "$home/$STAMP" "$extras"
}

make_venv() {
    local python
    python=$(find_python)
    print_progress "Making a virtual environment in $1 with $("$python" -V)"
    "$python" -m venv --clear "$1" ||
        fail "$python -m venv does not work; on Debian and Ubuntu: apt install $python-venv"
}

# Prints the first Python that fits. A name may be there and still not run: pyenv has such.
find_python() {
    local name
    for name in python3.12 python3.11 python3.13 python3 python; do
        if "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            echo "$name"
            return
        fi
    done
    fail "no Python 3.11 or newer found (tried python3.12, python3.11, python3.13, python3, python); install Python 3.12"
}

# Installs this checkout with extras, unless the stamp says that it is done with these or more. While pip
# works there is no stamp, so what an interrupt leaves behind is made anew; a mere failure, as without network,
# changes nothing and puts it back.
install_package() {
    local stamp=$1 extras=$2 key installed
    key="$(cksum <setup.py) $PWD $("$PYTHON" -V)"
    installed=$(cat "$stamp" 2>/dev/null) || true
    # Scripts that need less than others would otherwise install in turn with them.
    if [ "${installed% *}" = "$key" ] && has_extras "${installed##* }" "$extras"; then
        return
    fi
    print_progress "Installing signjax and the libraries it needs; the first time takes some minutes"
    rm -f "$stamp.old"
    [ ! -e "$stamp" ] || mv "$stamp" "$stamp.old"
    print_heartbeat &
    if ! "$PYTHON" "${PIP[@]}" -e ".[$extras]"; then
        kill $!
        [ ! -e "$stamp.old" ] || mv "$stamp.old" "$stamp"
        fail "pip could not install signjax, see above; run the same command again"
    fi
    kill $!
    wait $! 2>/dev/null || true # or bash tells of its end
    echo "$key $extras" >"$stamp"
    print_progress "Installed"
}

# Whether a list of extras, joined by commas, has all of another.
has_extras() {
    local extra
    for extra in ${2//,/ }; do
        case ,$1, in
            *",$extra,"*) ;;
            *) return 1 ;;
        esac
    done
}

# A line now and then for as long as the script lives.
print_heartbeat() {
    while sleep 20 >/dev/null 2>&1 && kill -0 $$ 2>/dev/null; do
        print_progress "    still installing"
    done
}
