# shellcheck shell=bash disable=SC2034  # read by submit.sh
# PACE Phoenix at Georgia Tech: nodes with four Turing RTX 6000, 24 cores and 192 GB.
need FATHOMNET_ACCOUNT 'your charge account, such as gts-yourpi3; pace-quota lists yours' || true

# Scratch is large and shared by all nodes; what is older than 60 days is deleted there.
storage="${FATHOMNET_STORAGE:-$HOME/scratch/fathomnet}"
# Turing has no units for bf16, and all shards should run alike.
precision=fp16

common=("--account=$FATHOMNET_ACCOUNT" --qos=inferno --nodes=1 --ntasks=1)
gpu_job=("${common[@]}" --partition=gpu-rtx6000 --gres=gpu:1 --cpus-per-task=6 --mem=32G
    --time=02:00:00)
cpu_job=("${common[@]}" --cpus-per-task=2 --mem=8G --time=08:00:00)
