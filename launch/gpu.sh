#!/usr/bin/env bash
# Sets up a machine with NVIDIA GPUs, and runs a command on it under the supervisor.
#
# Usage: bash launch/gpu.sh [--dry_run] [COMMAND...]
#
# Options:
#     --dry_run    prints what would run on a new machine with a driver for CUDA 13
#
# Examples:
#     bash launch/gpu.sh
#     bash launch/gpu.sh python -m signjax.main --config=gpt
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. launch/_venv.sh
. launch/_command.sh

QUERY=(nvidia-smi "--query-gpu=driver_version,compute_cap" "--format=csv,noheader")

# Sets EXTRA to that of setup.py for the driver and the oldest GPU. CUDA 13 needs driver 580 and compute
# capability 7.5, CUDA 12 needs 525: https://docs.jax.dev/en/latest/installation.html
choose_cuda() {
    local found line
    EXTRA=cuda
    if [ -n "$DRY" ]; then
        quote_command "${QUERY[@]}"
        return
    fi
    command -v nvidia-smi >/dev/null || fail "nvidia-smi: not found; this machine has no NVIDIA GPU, or no driver yet"
    found=$("${QUERY[@]}" 2>&1) || fail "nvidia-smi: ${found%%$'\n'*}"
    while read -r line; do
        [[ $line =~ ^([0-9]+)\.[0-9.]*,\ ([0-9]+)\.([0-9])$ ]] ||
            fail "nvidia-smi: says '$line', which is no driver and compute capability"
        [ "${BASH_REMATCH[1]}" -ge 525 ] ||
            fail "nvidia-smi: driver ${line%%,*} is too old for JAX; install 525 or newer, best 580"
        if [ "${BASH_REMATCH[1]}" -lt 580 ] || [ "${BASH_REMATCH[2]}${BASH_REMATCH[3]}" -lt 75 ]; then
            EXTRA=cuda12
        fi
    done <<<"$found"
}

if [ "${1:-}" = --dry_run ]; then
    DRY=1
    shift
fi
answer_help "${1:-}" # others belong to the command
case ${1:-} in
    -*) fail "$1: no such argument; give --dry_run or nothing, and the command to run" ;;
esac
choose_cuda
prepare_python "$EXTRA"
if [ $# -gt 0 ]; then
    run_supervised cuda "$@"
else
    print_progress "Ready: bash launch/gpu.sh python -m signjax.main --config=configs/gpt.py"
fi
