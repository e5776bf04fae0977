#!/bin/bash
# sbatch docs/deployment/slurm.sh: imagenet_128 on 2 nodes of 8 GPUs, one process a node.
#SBATCH --job-name=sagan
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
#SBATCH --gpus-per-node=8
#SBATCH --cpus-per-task=64
#SBATCH --time=24:00:00
#SBATCH --signal=TERM@300
#SBATCH --requeue
#SBATCH --open-mode=append
# Five minutes before the time is up every worker gets SIGTERM, saves and leaves; the job requeued,
# or this script submitted again, goes on. If one worker dies, all stop, and srun ends the step.
set -euo pipefail
srun --kill-on-bad-exit=1 python train/main.py \
  --preset=imagenet_128 \
  --dataset="tfrecord:/shared/imagenet_128/train-*" \
  --run_dir=/shared/runs/imagenet_128 \
  --strategy=multi_worker --cluster=slurm \
  --precision=mixed_bfloat16 --checkpoint_minutes=15
