#!/usr/bin/env bash
# All shards of a run into one predictions folder; submitted by submit.sh after the array.
#   merge.sh SBATCH_FOLDER ENVIRONMENT OUTPUT SHARDS
set -u
here="$1" environment="$2" output="$3" shards="$4"
# shellcheck source=/dev/null
. "$here/job.sh"
begin_job
folders=()
for ((part = 1; part <= shards; part++)); do
    folders+=("$output/shards/$part-of-$shards")
done
exec "$environment/bin/fathomnet-infer" merge --output "$output" "${folders[@]}"
