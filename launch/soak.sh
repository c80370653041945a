#!/usr/bin/env bash
# Faults injected into real runs, at most an hour on 2 cores: bash launch/soak.sh [arguments of pytest]
# It ends with a table of what was guaranteed and what was measured.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. launch/_venv.sh

prepare_python
code=0
print_progress "pytest -n 2 --dist loadfile -m soak $*" # two processes; a file's tests stay together
"$PYTHON" -m pytest -n 2 --dist loadfile -m soak "$@" || code=$?
print_progress "Done in $SECONDS s, exit code $code"
exit $code
