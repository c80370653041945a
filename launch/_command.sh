# Sourced after _venv.sh: commands that are run, or under --dry_run only printed; runs under the supervisor.
# shellcheck shell=bash

# Prints a command as a shell takes it, so that nothing in it is read twice.
quote_command() {
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
run_command() {
    if [ -n "$DRY" ]; then
        quote_command "$@"
    else
        "$@"
    fi
}

# Becomes a command under the supervisor, its "python" being that of the environment. JAX must find the
# accelerator: a run that goes on without it would go unnoticed. run_supervised PLATFORM COMMAND...
run_supervised() {
    local platform=$1
    if [ -z "$DRY" ]; then
        PATH=$(cd "$(dirname "$PYTHON")" && pwd):$PATH
        export PATH JAX_PLATFORMS=${JAX_PLATFORMS:-$platform,cpu}
        exec "$PYTHON" -m signjax.tools.supervise "${@:2}"
    fi
    quote_command "$PYTHON" -m signjax.tools.supervise "${@:2}"
}
