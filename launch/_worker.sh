#!/usr/bin/env bash
# Sets up a worker of a TPU VM and keeps a run on it, where launch/tpu_vm.sh calls it.
#
# Usage: bash launch/_worker.sh setup | start COMMAND... | job COMMAND...
#
# Options:
#     setup    makes the environment
#     start    starts a run, or joins the same one that goes on; shows its log until it ends
#     job      what "start" leaves in the background, so that a lost connection ends nothing
#
# Examples:
#     bash launch/_worker.sh setup
#     bash launch/_worker.sh start python -m signjax.main --config=vqvae
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. launch/_venv.sh
. launch/_command.sh
answer_help "${1:-}"

JOB=.job  # {lock,command,log,code}; the lock is held for as long as the run lives
SETTLE=60 # seconds; a machine that is taken away does not live as long

setup() {
    if ! (find_python) >/dev/null 2>&1; then # the images of Ubuntu 22.04 have Python 3.10
        sudo add-apt-repository -y ppa:deadsnakes/ppa
        sudo DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=600 install -y python3.12-venv
    fi
    prepare_python tpu
}

start() {
    local command log
    command=$(quote_command "$@")
    mkdir -p $JOB
    exec 9>>$JOB/lock
    if flock -w 1 9; then # one who only waits for the end holds it for a moment
        rm -f $JOB/code
        echo "$command" >$JOB/command
        setsid nohup bash launch/_worker.sh job "$@" </dev/null >>$JOB/log 2>&1 &
    elif [ "$(cat $JOB/command)" != "$command" ]; then
        echo "error: this machine is busy with: $(cat $JOB/command); wait, or delete it" >&2
        exit 2
    fi
    exec 9>&-
    touch $JOB/log
    tail -n 50 -f $JOB/log &
    log=$!
    flock -s $JOB/lock true
    sleep 1
    kill $log 2>/dev/null || true
    exit "$(cat $JOB/code 2>/dev/null || echo 1)"
}

# A run that SIGTERM stopped ends with 0, too. So 0 counts only if the machine is there a while later.
job() {
    local code=0
    prepare_python tpu
    (run_supervised tpu "$@") || code=$?
    [ $code != 0 ] || sleep $SETTLE
    echo $code >$JOB/code
}

"$@"
