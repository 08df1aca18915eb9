#!/usr/bin/env bash
# Submits a run to SLURM: the download of images (optional), an array of one job a shard, and the
# merge of the shards. Submitted again, it goes on with what is not done.
set -euo pipefail
# Modules set these for their own Python; they would put packages before those of the environment.
unset PYTHONPATH PYTHONHOME

usage() {
    cat <<'TEXT'
Usage: submit.sh [--cluster NAME] [--shards N[%M]] [--download] [--dry-run] [-- OPTION...]

  --cluster NAME  settings in sbatch/clusters/NAME.sh   [default: $FATHOMNET_CLUSTER or pace]
  --shards N      jobs that share the images; N%M: at most M at a time   [default: 1]
  --download      fetch the images first, in a job without GPU
  --dry-run       print what would be submitted, and do nothing
  OPTION...       for each "fathomnet-infer run", such as --decision expected-distance

Environment (exported, or before the command):
  FATHOMNET_ANNOTATIONS  COCO file with the boxes                               (needed)
  FATHOMNET_CHECKPOINT   last.ckpt, or the folder that convert made of it
                                                        [default: STORAGE/winner]
  FATHOMNET_STORAGE      folder that all nodes see      [default: the cluster's]
  FATHOMNET_SPLIT        train, val or test             [default: test]
  FATHOMNET_IMAGES       folder of the images           [default: STORAGE/images/SPLIT_images]
  FATHOMNET_OUTPUT       folder for the predictions     [default: STORAGE/predictions/SPLIT]
  FATHOMNET_ENVIRONMENT  Python environment with fathomnet-inference
                                                        [default: built once in STORAGE]
                         or the word node: built by each job in its own $TMPDIR
  FATHOMNET_ACCOUNT      whom the cluster charges, where it wants to know

Exit status: 0 submitted; 2 bad input, nothing was submitted; 1 anything else, and what had been
submitted by then was cancelled.
TEXT
}

refuse() {
    printf 'submit.sh: %s\n' "$@" >&2
    exit 2
}

# What is wrong with the input, all of it told at once; a dry run goes on in spite of it.
faults=()
# Whether a variable of the environment is set; the second argument says what for.
need() {
    [[ -z "${!1:-}" ]] || return 0
    faults+=("$1 is not set: $2")
    declare -g "$1=\$$1" # what a dry run shows in its place
    return 1
}

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
cluster="${FATHOMNET_CLUSTER:-pace}"
shards=1
download=''
dry_run=''
while (($#)); do
    case "$1" in
        --cluster | --shards)
            (($# > 1)) || refuse "$1 needs a value"
            declare "${1#--}=$2"
            shift
            ;;
        --download) download=yes ;;
        --dry-run) dry_run=yes ;;
        -h | --help) usage && exit 0 ;;
        --) shift && break ;;
        *) refuse "unknown option $1; see submit.sh --help" ;;
    esac
    shift
done
run_options=("$@")

[[ "$cluster" =~ ^[A-Za-z0-9_-]+$ && -f "$here/clusters/$cluster.sh" ]] ||
    refuse "no settings for cluster $cluster in $here/clusters"
[[ "$shards" =~ ^([1-9][0-9]{0,3})(%[1-9][0-9]{0,3})?$ ]] ||
    refuse "--shards $shards is not a number from 1 to 9999, nor such as 8%2: 8 jobs, 2 at a time"
shards="${BASH_REMATCH[1]}" throttle="${BASH_REMATCH[2]}"
split="${FATHOMNET_SPLIT:-test}"
[[ "$split" =~ ^(train|val|test)$ ]] || refuse "FATHOMNET_SPLIT is $split, and not train, val or test"

storage='' precision='' gpu_job=() cpu_job=()
# shellcheck source=/dev/null
. "$here/clusters/$cluster.sh"

if need FATHOMNET_ANNOTATIONS 'the COCO file with the boxes' && [[ ! -f "$FATHOMNET_ANNOTATIONS" ]]; then
    faults+=("there is no file $FATHOMNET_ANNOTATIONS (FATHOMNET_ANNOTATIONS)")
fi
annotations="$FATHOMNET_ANNOTATIONS"
checkpoint="${FATHOMNET_CHECKPOINT:-$storage/winner}"
images="${FATHOMNET_IMAGES:-$storage/images/${split}_images}"
output="${FATHOMNET_OUTPUT:-$storage/predictions/$split}"
if [[ -f "$checkpoint" && "$(head -c 2 "$checkpoint" | tr -d '\0')" != PK ]]; then
    faults+=("$checkpoint is no checkpoint (FATHOMNET_CHECKPOINT): 'fathomnet-infer inspect' says what it is")
fi
if [[ -d "$checkpoint" && ! -f "$checkpoint/checkpoint.json" ]]; then
    faults+=("$checkpoint is no folder that 'fathomnet-infer convert' made (FATHOMNET_CHECKPOINT); of a folder with a checkpoint name the file")
fi
[[ -e "$checkpoint" ]] || faults+=("there is no checkpoint $checkpoint (FATHOMNET_CHECKPOINT)")
if [[ -z "$download" && ! -d "$images" ]]; then
    faults+=("there is no folder $images (FATHOMNET_IMAGES); --download would fetch the images")
elif [[ -n "$download" && "$images" != */"${split}_images" ]]; then
    faults+=("--download fills a folder named ${split}_images, which $images is not")
fi
environment="${FATHOMNET_ENVIRONMENT:-$("$here/environment.sh" --where "$storage")}"
if [[ -n "${FATHOMNET_ENVIRONMENT:-}" && "$environment" != node ]]; then
    if [[ ! -x "$environment/bin/fathomnet-infer" ]]; then
        faults+=("$environment has no bin/fathomnet-infer (FATHOMNET_ENVIRONMENT)")
    elif ! answer="$("$environment/bin/fathomnet-infer" --version 2>&1)"; then
        faults+=("$environment does not work (FATHOMNET_ENVIRONMENT): ${answer##*$'\n'}")
    fi
fi

# What the runs will be told in the end: an option of the user's comes after ours, and wins.
device=cuda
options=("${run_options[@]}")
for ((i = 0; i < ${#options[@]}; i++)); do
    case "${options[i]}" in
        --device | --precision) declare "${options[i]#--}=${options[i + 1]:-}" ;;
        --device=* | --precision=*) declare "${options[i]#--}" ;;
    esac
done
if ((shards > 1)) && [[ "$precision" == auto && "$device" != cpu ]]; then
    faults+=("shards on unlike GPUs would choose unlike precisions, which do not merge: name one, such as: -- --precision fp16")
fi
# The highest index is one less than MaxArraySize. Without an answer, sbatch itself will refuse.
most="$(scontrol show config 2>/dev/null | awk '$1 == "MaxArraySize" { print $3 }')" || most=''
if [[ "$most" =~ ^[0-9]+$ ]] && ((shards >= most)); then
    faults+=("--shards $shards is more than this cluster's arrays take: $((most > 0 ? most - 1 : 0)) (MaxArraySize)")
fi
if ((${#faults[@]})); then
    [[ -n "$dry_run" ]] || refuse "${faults[@]}"
    printf 'submit.sh: %s\n' "${faults[@]}" >&2
fi

# Jobs start elsewhere.
absolute() { realpath --canonicalize-missing --no-symlinks "$1"; }
annotations="$(absolute "$annotations")"
checkpoint="$(absolute "$checkpoint")"
images="$(absolute "$images")"
output="$(absolute "$output")"
logs="$output/logs"

[[ ! -f "$checkpoint" ]] || printf 'submit.sh: %s\n' >&2 \
    "every shard reads $checkpoint whole; 'fathomnet-infer convert' makes a third of it, once"

if [[ -z "$dry_run" ]]; then
    # Here rather than in a job: a GPU would wait for it, and its node may have no internet.
    [[ -n "${FATHOMNET_ENVIRONMENT:-}" ]] || "$here/environment.sh" "$storage"
    mkdir -p "$logs"
fi

# All or nothing: a job that waits for what was never submitted would wait for ever.
submitted=()
undo() {
    local status=$?
    ((status != 0 && ${#submitted[@]})) || return 0
    if scancel "${submitted[@]}"; then
        printf 'submit.sh: %s\n' "not all could be submitted; cancelled: ${submitted[*]}" >&2
    else
        printf 'submit.sh: %s\n' "not all could be submitted; cancel yourself: scancel ${submitted[*]}" >&2
    fi
    exit 1
}
trap undo EXIT
trap 'exit 1' INT TERM HUP

# Submits a job, or says how it would; its id goes to the variable that the first argument names.
submit() {
    local -n id="$1"
    local command=(sbatch --parsable "--job-name=fathomnet-$1" "${@:2}") answer
    if [[ -n "$dry_run" ]]; then
        printf '%q ' "${command[@]}"
        printf '\n'
        id="ID_OF_${1^^}"
        return
    fi
    answer="$("${command[@]}")"
    # Sites wrap sbatch and let it say more; on a federation the cluster's name follows the id.
    id="$(sed -nE 's/^(Submitted batch job )?([0-9]+)(;[^[:space:]]*)?[[:space:]]*$/\2/p' <<<"$answer" | tail -n 1)"
    # Or in a sentence of the site's own, such as "Job ID: 7 is queued".
    [[ -n "$id" ]] ||
        id="$(sed -nE 's/^.*[Jj]ob([[:space:]_-]*[Ii][Dd])?[[:space:]:=#]+([0-9]+)([^0-9].*)?$/\2/p' <<<"$answer" | tail -n 1)"
    if [[ -z "$id" ]]; then
        printf 'submit.sh: %s\n' "sbatch names no job; look for fathomnet-$1 in squeue --me. It said:" "${answer:0:500}" >&2
        exit 1
    fi
    submitted+=("$id")
    printf '%s: job %s\n' "$1" "$id"
}

# A requeued job writes to the log that it has.
always=(--requeue --open-mode=append)
warned=(--signal=B:USR1@120)
# In the name of a log % begins a pattern.
logs_pattern="${logs//%/%%}"

after=() infer=''
if [[ -n "$download" ]]; then
    submit download "${cpu_job[@]}" "${always[@]}" "${warned[@]}" "--output=$logs_pattern/%x-%j.log" \
        "$here/download.sh" "$here" "$environment" \
        --annotations "$annotations" --split "$split" --destination "$(dirname "$images")"
    # afterok: GPUs should not be paid for looking for images that are not there. (Single images
    # that could not be had do not fail the download.)
    after=("--dependency=afterok:$download" --kill-on-invalid-dep=yes)
fi
submit infer "${gpu_job[@]}" "${always[@]}" "--output=$logs_pattern/%x-%A_%a.log" \
    "--array=1-$shards$throttle" "${warned[@]}" "${after[@]}" \
    "$here/infer.sh" "$here" "$environment" "$output" "$shards" \
    --annotations "$annotations" --images "$images" --checkpoint "$checkpoint" \
    --device "$device" --precision "$precision" "${run_options[@]}"
# afterany: a shard with an unreadable image ends with status 3, and is to be merged all the same;
# and where a shard failed, the merge's refusal says which, while a job that never ran says nothing.
submit merge "${cpu_job[@]}" "${always[@]}" "--output=$logs_pattern/%x-%j.log" \
    "--dependency=afterany:$infer" \
    "$here/merge.sh" "$here" "$environment" "$output" "$shards"

[[ -n "$dry_run" ]] || printf 'predictions: %s\nlogs: %s\n' "$output" "$logs"
