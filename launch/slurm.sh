#!/usr/bin/env bash
# Submits a run on GPUs to SLURM. It starts again after a preemption, a lost node or its time limit.
# The log is outputs/slurm-NAME.log; scancel --name=NAME ends the run.
#
# Usage: bash launch/slurm.sh --name NAME [--dry_run] [OPTION OF SBATCH]... -- COMMAND...
#
# Options:
#     --name NAME    of the job; while one of this name is in the queue, no second one is submitted
#     --dry_run      prints what would run
#     All other options before "--" go to sbatch. JAX gives each task one GPU: as many tasks as GPUs.
#
# Examples:
#     bash launch/slurm.sh --name mine --nodes=2 --gpus-per-node=8 --ntasks-per-node=8 --time=1-0 -- \
#         python -m signjax.main --config=gpt --multihost --config.batch_tokens=2048
#     bash launch/slurm.sh --name small --gpus=1 --time=2:00:00 -- python -m signjax.main --config=vqvae
set -euo pipefail
# SLURM calls it with "batch" once a job and with "task" in each task.
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. launch/_venv.sh
. launch/_command.sh

BEFORE=120 # seconds before its time limit at which a job is put into the queue again
HOLD=600   # seconds that a stopped task waits for SLURM

submit() {
    local name="" options=() known
    while [ $# -gt 0 ] && [ "$1" != -- ]; do
        answer_help "$1"
        case $1 in
            --dry_run) DRY=1 ;;
            --name=*) name=${1#*=} ;;
            --name) name=${2:-} && shift ;;
            *) options+=("$1") ;;
        esac
        shift || break
    done
    [[ $name =~ ^[A-Za-z0-9][A-Za-z0-9_.-]*$ ]] || fail "--name '$name': give letters, digits, _ . or -"
    [ $# -ge 2 ] || fail "give the command after --, such as -- python -m signjax.main --config=configs/gpt.py"
    known=$(run_command squeue --me --noheader --format=%i "--name=$name") ||
        fail "squeue: does not work here, see above; call this where SLURM is"
    if [ -n "$DRY" ]; then
        echo "$known"
    elif [ -n "$known" ]; then
        print_progress "$name is in the queue already: job ${known//$'\n'/, }"
        return
    fi
    run_command mkdir -p outputs
    run_command sbatch "--job-name=$name" --requeue --open-mode=append "--output=outputs/slurm-$name.log" \
        "--chdir=$PWD" "--signal=B:USR1@$BEFORE" ${options[@]+"${options[@]}"} \
        --wrap="$(quote_command exec bash launch/slurm.sh batch "${@:2}")"
}

# On the first node. SLURM itself puts a preempted job into the queue again, not one that met its limit.
batch() {
    local step code=0
    trap 'scontrol requeue "$SLURM_JOB_ID" || true' USR1
    bash launch/gpu.sh # so that no two tasks make the environment
    srun --kill-on-bad-exit=1 bash launch/slurm.sh task "$@" &
    step=$!
    wait $step || code=$?
    while kill -0 $step 2>/dev/null; do # USR1 came; SLURM ends the job now
        wait $step || code=$?
    done
    exit $code
}

# A run that SIGTERM stopped has saved and ends with 0. The job must not end before SLURM has put it into the
# queue again, or it would count as done.
task() {
    local stopped="" code=0
    trap 'stopped=1' TERM # SLURM signals all processes; bash runs this when the run has ended
    bash launch/gpu.sh "$@" || code=$?
    [ -z "$stopped" ] || sleep $HOLD
    exit $code
}

case ${1:-} in
    batch | task) "$@" ;;
    *) submit "$@" ;;
esac
