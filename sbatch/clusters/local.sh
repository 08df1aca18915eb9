# shellcheck shell=bash disable=SC2034  # read by submit.sh
# One machine with a SLURM of its own; the project's tests start such a one.
storage="${FATHOMNET_STORAGE:-$HOME/fathomnet}"
precision=auto

gpu_job=(--gres=gpu:1 --cpus-per-task=1 --mem=1G --time=00:30:00)
cpu_job=(--cpus-per-task=1 --mem=500M --time=00:10:00)
