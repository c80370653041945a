#!/usr/bin/env bash
# From a fresh checkout to a signed "hello": bash launch/quickstart.sh
# Stop it whenever you like; the same command goes on where it stopped.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. launch/_venv.sh

RUNS="runs/vqvae-quick runs/gpt-quick"

# run_step NUMBER WHAT MODULE [ARGUMENT...]
run_step() {
    local code=0
    print_progress "$1/5 $2: python -m ${*:3}"
    "$PYTHON" -m "${@:3}" || code=$?
    case $code in
        0) ;;
        130) exit_stopped 130 ;;
        *)
            print_progress "Stopped with exit code $code, see above. The same command goes on: bash launch/quickstart.sh"
            [ $code != 23 ] || print_progress "If settings changed since the runs were begun, begin anew: rm -r $RUNS"
            exit $code
            ;;
    esac
}

exit_stopped() {
    print_progress "Stopped. The same command goes on: bash launch/quickstart.sh"
    exit "$1"
}
trap 'exit_stopped 130' INT
trap 'exit_stopped 143' TERM

print_progress "signjax quickstart: a demo in a constructed language, no real sign language"
print_progress "1/5 Python environment"
prepare_python
run_step 2 "Demo data" signjax.tools.demo
run_step 3 "Motion tokenizer" signjax.main --config=configs/vqvae.py:quick
run_step 4 "GPT" signjax.main --config=configs/gpt.py:quick
run_step 5 "Signing" signjax.sample --workdir runs/gpt-quick --text hello

print_progress "Done. Open one of these:"
echo "    $PWD/outputs/hello.gif"
echo "    $PWD/outputs/hello.html (in a browser: pause, slow down, turn)"
echo "What to try next:"
[ -n "${VIRTUAL_ENV:-}" ] || echo "    source .venv/bin/activate"
echo "    python -m signjax.sample --workdir runs/gpt-quick --text 'where do you live?' --num 3"
echo "    python -m signjax.main --config=configs/vqvae.py, then --config=configs/gpt.py: the longer runs"
echo "    docs/data.md: your own data"
