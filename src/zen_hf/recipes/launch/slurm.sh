#!/bin/bash
# sbatch slurm.sh RECIPE.yaml [key=value ...]
# One task per node; torchrun starts one process per GPU. A requeued job goes on from its newest checkpoint.
#SBATCH --job-name=zen-distill
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
#SBATCH --gpus-per-node=8
#SBATCH --cpus-per-task=64
#SBATCH --time=24:00:00
#SBATCH --requeue
set -euo pipefail

gpus_per_node=8
main_node=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)
export OMP_NUM_THREADS=1 # per process; the loader's workers are processes of their own

srun torchrun \
  --nnodes "$SLURM_NNODES" --nproc_per_node "$gpus_per_node" \
  --rdzv_id "$SLURM_JOB_ID" --rdzv_backend c10d --rdzv_endpoint "$main_node:29500" \
  -m zen_hf.cli distill "$@" --resume
