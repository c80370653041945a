#!/usr/bin/env bash
# Builds the documentation as a site in site/; any warning is an error.
#
# Usage: bash launch/docs.sh [serve]
#
# Options:
#     serve    shows the site at http://127.0.0.1:8000/ instead, and builds it again when a page changes
#
# Examples:
#     bash launch/docs.sh
#     bash launch/docs.sh serve
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. launch/_venv.sh
answer_help "$@"

prepare_python test,docs
export NO_MKDOCS_2_WARNING=1 # a notice about a later version, not about these pages
case ${1:-build} in
    build) exec "$PYTHON" -m mkdocs build --strict --quiet ;;
    serve) exec "$PYTHON" -m mkdocs serve ;;
    *) fail "$1: no such argument; give serve or nothing" ;;
esac
