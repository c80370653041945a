#!/usr/bin/env bash
# Makes a part of this repository that nobody wrote by hand. Stop it whenever you like; the same command
# resumes.
#
# Usage: bash launch/reproduce.sh demo_model | gallery
#
# Options:
#     demo_model    trains the model that comes with signjax, scores it, and puts it into signjax/demo/model
#     gallery       writes docs/gallery.md and its clips with this model
#
# Examples:
#     bash launch/reproduce.sh demo_model
#     bash launch/reproduce.sh gallery
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. launch/_venv.sh
answer_help "$@"

MODEL=signjax/demo/model
WORK=outputs/demo_model

run() {
    print_progress "python -m $*"
    "$PYTHON" -m "$@"
}

# The model that comes with signjax: trained in runs/vqvae and runs/gpt, where finished runs stay as they are,
# scored on the 200 test sentences with the weights that ship, and put in place.
make_demo_model() {
    run signjax.tools.demo
    run signjax.main --config=configs/vqvae.py
    run signjax.main --config=configs/gpt.py
    rm -rf "$WORK"
    run signjax.tools.export runs/gpt --to hub_folder --float16 --license apache-2.0 --out "$WORK"
    # Its card says how to use a model of this name, under which signjax knows it.
    mv "$WORK/gpt" "$WORK/demo"
    run signjax.evaluate --workdir "$WORK/demo" --root datasets
    # Once more: a card quotes the scores that lie beside the weights.
    run signjax.tools.export "$WORK/demo" --to hub_folder --float16 --license apache-2.0 --out "$WORK/done"
    rm -rf "$MODEL"
    mv "$WORK/done/demo" "$MODEL"
    print_progress "Made $MODEL"
}

# docs/gallery.md and its clips, by the model that comes with signjax.
make_gallery() {
    print_progress "docs/gallery.md"
    "$PYTHON" launch/gallery.py
}

case ${1:-} in
    demo_model | gallery) ;;
    *) fail "${1:-nothing}: cannot be made; give demo_model or gallery" ;;
esac
prepare_python
"make_$1"
