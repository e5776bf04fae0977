"""What a run directory holds: configuration, checkpoints, scores, the best; what comes from one."""
