#!/usr/bin/env bash
# The images of a run; submitted by submit.sh, or run on a login or data node where compute nodes
# have no internet.
#   download.sh SBATCH_FOLDER ENVIRONMENT OPTION...
set -u
here="$1" environment="$2"
shift 2
# shellcheck source=/dev/null
. "$here/job.sh"
begin_job
# Some images could not be had (3): they are listed, and cost the run their own boxes only.
trap '(($? != 3)) || exit 0' EXIT
supervise "$environment/bin/fathomnet-infer" download "$@"
