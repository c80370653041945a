#!/usr/bin/env bash
# The documentation as a site in site/, any warning an error: bash launch/docs.sh [serve]
# With serve it is shown at http://127.0.0.1:8000/ and built again when a page changes.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. launch/_venv.sh

prepare_python test,docs
export NO_MKDOCS_2_WARNING=1 # a notice about a later version, not about these pages
case ${1:-build} in
    build) exec "$PYTHON" -m mkdocs build --strict --quiet ;;
    serve) exec "$PYTHON" -m mkdocs serve ;;
    *) fail "$1: no such argument; give serve or nothing" ;;
esac
