#!/usr/bin/env bash
# One shard of a run; submitted by submit.sh as one task of an array.
#   infer.sh SBATCH_FOLDER ENVIRONMENT OUTPUT SHARDS OPTION...
set -u
here="$1" environment="$2" output="$3" shards="$4"
shift 4
# shellcheck source=/dev/null
. "$here/job.sh"
begin_job
part="$SLURM_ARRAY_TASK_ID"
supervise "$environment/bin/fathomnet-infer" run \
    --shard "$part/$shards" --output "$output/shards/$part-of-$shards" "$@"
