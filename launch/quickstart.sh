#!/usr/bin/env bash
# From a fresh checkout to a signed "hello". Stop it whenever you like; the same command resumes.
#
# Usage: bash launch/quickstart.sh [--train]
#
# Options:
#     --train    makes the model here from nothing, in about 20 minutes on 2 CPU cores; without it, the model
#                that comes with signjax signs
#
# Examples:
#     bash launch/quickstart.sh
#     bash launch/quickstart.sh --train
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. launch/_venv.sh
answer_help "$@"

RUNS="runs/vqvae-quick runs/gpt-quick"
case ${1:-} in
    "") AGAIN="bash launch/quickstart.sh" STEPS=2 RUN=demo ;;
    --train) AGAIN="bash launch/quickstart.sh --train" STEPS=5 RUN=runs/gpt-quick ;;
    *) fail "$1: no such option; give --train or nothing" ;;
esac

# run_step NUMBER WHAT MODULE [ARGUMENT...]
run_step() {
    local code=0
    print_progress "$1/$STEPS $2: python -m ${*:3}"
    "$PYTHON" -m "${@:3}" || code=$?
    case $code in
        0) ;;
        130) exit_stopped 130 ;;
        *)
            print_progress "Stopped with exit code $code, see above. To continue: $AGAIN"
            [ $code != 23 ] || print_progress "If settings changed since the runs were begun, begin anew: rm -r $RUNS"
            exit $code
            ;;
    esac
}

exit_stopped() {
    print_progress "Stopped. To continue: $AGAIN"
    exit "$1"
}
trap 'exit_stopped 130' INT
trap 'exit_stopped 143' TERM

print_progress "signjax quickstart: a demo in a constructed language, no real sign language"
print_progress "1/$STEPS Python environment"
prepare_python
if [ $RUN != demo ]; then
    print_progress "Training takes about 20 minutes on 2 CPU cores"
    run_step 2 "Demo data" signjax.tools.demo
    run_step 3 "Motion tokenizer" signjax.main --config=configs/vqvae.py:quick
    run_step 4 "GPT" signjax.main --config=configs/gpt.py:quick
fi
run_step $STEPS "Signing" signjax.sample --workdir $RUN --text hello

print_progress "Done. Open one of these:"
echo "    $PWD/outputs/hello.gif"
echo "    $PWD/outputs/hello.html (in a browser: pause, slow down, turn)"
echo "What to try next:"
[ -n "${VIRTUAL_ENV:-}" ] || echo "    source .venv/bin/activate"
echo "    python -m signjax.sample --workdir $RUN --text 'my name is Ada' --num 3"
echo "    python -m signjax.tools.viewer $RUN: a page where you type texts"
[ $RUN != demo ] || echo "    bash launch/quickstart.sh --train: the same, with models that you train"
echo "    docs/data.md: your own data"
