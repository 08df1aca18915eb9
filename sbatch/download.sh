#!/usr/bin/env bash
# The images of a run; submitted by submit.sh, or run on a login or data node where compute nodes
# have no internet.
#   download.sh SBATCH_FOLDER ENVIRONMENT OPTION...
set -u
here="$1" environment="$2"
shift 2
# shellcheck source=/dev/null
. "$here/job.sh"
describe_job "$environment"
"$environment/bin/fathomnet-infer" download "$@"
status=$?
# Some images could not be had: they are listed, and cost the run their own boxes only.
((status == 3)) && status=0
exit "$status"
