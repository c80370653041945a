#!/usr/bin/env bash
# Injects faults into real runs, for at most an hour on 2 cores. It ends with a table of what was guaranteed
# and what was measured.
#
# Usage: bash launch/soak.sh [ARGUMENT OF PYTEST]...
#
# Options: those of pytest, such as the names of test files.
#
# Examples:
#     bash launch/soak.sh
#     bash launch/soak.sh tests/training/test_long_hosts.py
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. launch/_venv.sh
answer_help "$@"

prepare_python
code=0
print_progress "pytest -n 2 --dist worksteal -m soak $*" # each of two takes tests of the other when it has none left
"$PYTHON" -m pytest -n 2 --dist worksteal -m soak "$@" || code=$?
print_progress "Done in $SECONDS s, exit code $code"
exit $code
