# Sourced after _venv.sh: commands that are run, or under --dry_run only printed; supervised runs.
# shellcheck shell=bash

# Prints a command as a shell takes it, so that nothing in it is read twice.
quoted() {
    local word line="" apostrophe="'\\''"
    for word in "$@"; do
        case $word in
            '' | *[!A-Za-z0-9_@%+=:,./-]*) word="'${word//\'/$apostrophe}'" ;;
        esac
        line+="$word "
    done
    printf '%s\n' "${line% }"
}

# Runs a command; under --dry_run prints it.
perform() {
    if [ -n "$DRY" ]; then
        quoted "$@"
    else
        "$@"
    fi
}

# Becomes a command under the supervisor, its "python" being that of the environment. JAX must find the
# accelerator: a run that goes on without it would go unnoticed. supervised PLATFORM COMMAND...
supervised() {
    local platform=$1
    if [ -z "$DRY" ]; then
        PATH=$(cd "$(dirname "$PYTHON")" && pwd):$PATH
        export PATH JAX_PLATFORMS=${JAX_PLATFORMS:-$platform,cpu}
        exec "$PYTHON" -m signjax.tools.supervise "${@:2}"
    fi
    quoted "$PYTHON" -m signjax.tools.supervise "${@:2}"
}
