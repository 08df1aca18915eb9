# shellcheck shell=bash
# What every job does: say where it runs, pass signals on, and put itself back into the queue.

# The most restarts of one job: a run that ends without having done a part would go on for ever.
MOST_RESTARTS=50
CONTINUE=75 # fathomnet-infer stopped in good order; see docs/inference.md

# Modules set these for their own Python, and packages in the home folder come before others too.
unset PYTHONPATH PYTHONHOME
export PYTHONNOUSERSITE=1

# Finds the environment, and writes to the log what a reader of it will ask for first.
# shellcheck disable=SC2154  # "here" and "environment" are set by the script that reads this one
begin_job() {
    if [[ "$environment" == node ]]; then
        "$here/environment.sh" "${TMPDIR:-/tmp}" || exit 1
        environment="$("$here/environment.sh" --where "${TMPDIR:-/tmp}")"
    fi
    printf 'job %s, array task %s, restart %s on %s at %s\n' \
        "${SLURM_ARRAY_JOB_ID:-${SLURM_JOB_ID:-none}}" "${SLURM_ARRAY_TASK_ID:-none}" \
        "${SLURM_RESTART_COUNT:-0}" "$(hostname)" "$(date --utc +%FT%TZ)"
    nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader 2>/dev/null ||
        printf 'no nvidia-smi here\n'
    if ! "$environment/bin/fathomnet-infer" --version; then
        printf '%s\n' "the environment $environment does not work; submit again, which builds it anew" >&2
        exit 1
    fi
    "$environment/bin/python" --version
    "$environment/bin/python" -c \
        'import importlib.metadata as m; print(*(f"{n} {m.version(n)}" for n in ("torch", "numpy", "pillow")))'
}

# Runs a command so that it hears the signals that SLURM sends to this script alone, and ends the
# job with its status; after a warning (USR1) that stopped it, the job goes back into the queue.
supervise() {
    local child='' status warned=''
    trap 'warned=yes; [[ -z $child ]] || kill -USR1 "$child" 2>/dev/null' USR1
    trap '[[ -z $child ]] || kill -TERM "$child" 2>/dev/null' TERM
    "$@" &
    child=$!
    await "$child"
    status=$?
    trap '' USR1
    # The second status is that of a program which had not yet begun to listen.
    if [[ -n $warned ]] && ((status == CONTINUE || status == 128 + $(kill -l USR1))); then
        requeue
        status=$CONTINUE
    fi
    exit "$status"
}

# Waits for a child to its end, which one "wait" does not when a signal comes in between.
await() {
    local child="$1" status=0 last
    while true; do
        wait "$child"
        status=$?
        ((status > 128)) || return "$status"
        kill -0 "$child" 2>/dev/null || break
    done
    wait "$child" 2>/dev/null
    last=$?
    ((last == 127)) || status=$last # 127: the first wait had its status already
    return "$status"
}

requeue() {
    local job="${SLURM_ARRAY_JOB_ID:+${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID}"
    if ((${SLURM_RESTART_COUNT:-0} >= MOST_RESTARTS)); then
        printf 'restarted %s times already: left as it is\n' "$MOST_RESTARTS"
        return
    fi
    printf 'out of time: back into the queue\n'
    scontrol requeue "${job:-$SLURM_JOB_ID}"
}
