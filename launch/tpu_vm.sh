#!/usr/bin/env bash
# A run on a TPU VM or a whole pod of Google Cloud, from a machine with gcloud that is logged in.
#
# Usage: bash launch/tpu_vm.sh ACTION --name NAME --zone ZONE [OPTION]... [-- COMMAND...]
#
# Actions:
#     create    requests the TPU
#     setup     copies signjax to every worker and installs it there
#     run       both, then the command, which it starts again after a failure. If "run" is stopped, the command
#               on the TPU continues
#     logs      shows the last lines of every worker
#     delete    ends the run and gives the TPU back; asks first
#
# Options:
#     --name NAME, --zone ZONE    of the TPU
#     --project PROJECT           of Google Cloud, by default that of gcloud
#     --dry_run                   prints what would run, as if no such TPU were there yet
#     --accelerator_type TYPE     v4-, v5litepod-, v5p- or v6e- and a size; create and run need it
#     --runtime_version VERSION   of the TPU software, by default the one for the type; of create and run
#     --spot                      a TPU that is cheaper and can be preempted at any time; of create and run
#
# Examples:
#     bash launch/tpu_vm.sh run --name mine --zone us-west4-a --accelerator_type v5litepod-8 -- \
#         python -m signjax.main --config=vqvae
#     bash launch/tpu_vm.sh logs --name mine --zone us-west4-a
#     bash launch/tpu_vm.sh delete --name mine --zone us-west4-a
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. launch/_venv.sh
. launch/_command.sh

PAUSE=30     # seconds between two looks at the queue
RESTARTS=5   # most new starts in a row, as of the supervisor
STABLE=600   # seconds after which a failure does not count as one in a row with those before
ASSUMED=NONE # what --dry_run takes the state to be
STATE=""     # what `look_up_state` found

name="" zone="" accelerator_type="" runtime_version="" project="" spot=""

parse_arguments() {
    while [ $# -gt 0 ]; do
        answer_help "$1"
        case $1 in
            --) shift && break ;;
            --dry_run) DRY=1 ;;
            --spot) spot=1 ;;
            --*=*) set -- "${1%%=*}" "${1#*=}" "${@:2}" && continue ;;
            --name | --zone | --accelerator_type | --runtime_version | --project)
                [ -n "${2:-}" ] || fail "$1: a value is missing"
                printf -v "${1#--}" %s "$2"
                shift
                ;;
            *) fail "$1: no such argument of \"$ACTION\"; the command to run comes after --" ;;
        esac
        shift
    done
    COMMAND=("$@")
}

# check_flag FLAG VALUE PATTERN WHAT
check_flag() {
    [[ $2 =~ ^($3)$ ]] || fail "--$1 '$2': give $4"
}

check_flags() {
    check_flag name "$name" '[a-z]([a-z0-9-]{0,61}[a-z0-9])?' "small letters, digits and hyphens, a letter first"
    check_flag zone "$zone" '[a-z]+-[a-z]+[0-9]+-[a-z]' "a zone, such as us-central2-b"
    check_flag project "$project" '([a-z][a-z0-9.:-]*)?' "the id of a Google Cloud project"
    check_flag runtime_version "$runtime_version" '[a-z0-9.-]*' "a TPU software version, such as v2-alpha-tpuv6e"
    case $ACTION in
        create | run)
            check_flag accelerator_type "$accelerator_type" 'v([234]|5litepod|5p|6e)-[1-9][0-9]*' \
                "v4-, v5litepod-, v5p- or v6e- and a size, such as v5litepod-8"
            ;;
        *) [ -z "$accelerator_type$runtime_version$spot" ] ||
            fail "--accelerator_type, --runtime_version, --spot: only for create and run" ;;
    esac
    if [ "$ACTION" = run ]; then
        check_command "${COMMAND[@]-}"
    else
        [ ${#COMMAND[@]} = 0 ] || fail "${COMMAND[0]}: only \"run\" takes a command"
    fi
}

# A bucket is no folder: "gs:" would become one on a disk that goes with the machine.
check_command() {
    local word
    [ -n "$1" ] || fail "run: give the command after --, such as -- python -m signjax.main --config=configs/gpt.py"
    for word in "$@"; do
        case $word in
            gs://* | --*=gs://*) fail "$word: not a folder; runs and data are on disks, see docs/distributed.md" ;;
        esac
    done
}

# The software that Google recommends for JAX: https://cloud.google.com/tpu/docs/runtimes
default_runtime() {
    case $accelerator_type in
        v6e-*) echo v2-alpha-tpuv6e ;;
        v5p-*) echo v2-alpha-tpuv5 ;;
        v5litepod-*) echo v2-alpha-tpuv5-lite ;;
        *) echo tpu-ubuntu2204-base ;;
    esac
}

call_queue() {
    run_command gcloud compute tpus queued-resources "$1" "$name" "${PLACE[@]}" "${@:2}"
}

# Sets STATE to that of the queued resource, NONE if there is none. The first look must work: a project or
# a login may be wrong. Later ones are tried again: the network may be away for a while.
look_up_state() {
    local found reason type what=(--verbosity=error
        "--format=value(state.state,tpu.nodeSpec[0].node.acceleratorType)")
    if [ -n "$DRY" ]; then
        call_queue describe "${what[@]}"
        STATE=$ASSUMED
        return
    fi
    until found=$(call_queue describe "${what[@]}" 2>&1); do
        case $found in
            *NOT_FOUND*) STATE=NONE && return ;;
        esac
        reason=${found#*ERROR: }
        reason="gcloud cannot look for $name in $zone: ${reason%%$'\n'*}"
        [ -n "$STATE" ] || fail "$reason"
        print_progress "$reason; trying again"
        sleep $PAUSE
    done
    read -r STATE type <<<"${found##*$'\n'}"
    [ -z "$accelerator_type" ] || [ "${type:-$accelerator_type}" = "$accelerator_type" ] ||
        fail "--accelerator_type $accelerator_type: $name in $zone is a $type; delete it or take another --name"
}

# Asks for the TPU; what is left of one that was taken away only keeps its name.
request_tpu() {
    if [ "$STATE" = SUSPENDED ]; then
        print_progress "$name was preempted; asking for it again"
        call_queue delete --force --quiet
    fi
    call_queue create --node-id="$name" --accelerator-type="$accelerator_type" \
        --runtime-version="${runtime_version:-$(default_runtime)}" ${spot:+--spot}
    ASSUMED=ACTIVE
}

create() {
    look_up_state
    case $STATE in
        NONE | SUSPENDED) request_tpu ;;
        *) print_progress "$name is there already: $STATE" ;;
    esac
}

# Asks for the TPU unless that is done, and waits until it is there.
wait_until_ready() {
    look_up_state
    while [ "$STATE" != ACTIVE ]; do
        case $STATE in
            NONE | SUSPENDED) request_tpu ;;
            FAILED) fail "$name: Google Cloud refused it; gcloud compute tpus queued-resources describe $name" \
                "--zone=$zone says why; delete it" ;;
            *) sleep $PAUSE ;;
        esac
        look_up_state
    done
}

run_on_workers() {
    run_command gcloud compute tpus tpu-vm ssh "$name" "${PLACE[@]}" --worker=all --command="$1"
}

# Leaves a worker alone where a run goes on.
setup() {
    local unpack='tar -xzf ../signjax.tgz && bash launch/_worker.sh setup'
    run_command mkdir -p tmp &&
        run_command tar -czf "tmp/$name.tgz" --exclude=__pycache__ README.md setup.py pyproject.toml configs launch signjax &&
        run_command gcloud compute tpus tpu-vm scp "tmp/$name.tgz" "$name:signjax.tgz" "${PLACE[@]}" --worker=all &&
        run_on_workers "mkdir -p signjax/.job && cd signjax && $(quote_command flock -o -w 1 -E 0 .job/lock sh -c "$unpack")"
}

# Sees a run through: after a preemption on a new TPU, after a lost connection by joining it.
run() {
    local failures=0 began code
    while true; do
        wait_until_ready
        began=$SECONDS code=0
        { setup && run_on_workers "cd signjax && $(quote_command bash launch/_worker.sh start "$@")"; } || code=$?
        case $code in
            0) return ;;
            2 | 20 | 21 | 22 | 23 | 130) exit $code ;; # what a new start does not cure
        esac
        look_up_state
        [ "$STATE" = ACTIVE ] || continue
        [ $((SECONDS - began)) -lt $STABLE ] || failures=0
        failures=$((failures + 1))
        [ $failures -le $RESTARTS ] || fail "$name: failed $failures times in a row, the last with exit code $code"
        print_progress "$name: exit code $code; starting again, time $failures of $RESTARTS"
        sleep $PAUSE
    done
}

delete() {
    ASSUMED=ACTIVE
    look_up_state
    if [ "$STATE" = NONE ]; then
        print_progress "There is no $name in $zone"
    else
        call_queue delete --force # asks first
    fi
}

ACTION=${1:-}
answer_help "$ACTION"
case $ACTION in
    create | setup | run | logs | delete) parse_arguments "${@:2}" ;;
    *) fail "'$ACTION': say what to do: create, setup, run, logs or delete" ;;
esac
check_flags
PLACE=("--zone=$zone" ${project:+"--project=$project"})
case $ACTION in
    run)
        run "${COMMAND[@]}"
        print_progress "Done; give the TPU back: bash launch/tpu_vm.sh delete --name $name --zone $zone${project:+ --project $project}"
        ;;
    logs) run_on_workers "tail -n 50 signjax/.job/log" ;;
    *) $ACTION ;;
esac
