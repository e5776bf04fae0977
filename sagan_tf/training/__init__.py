"""Running an experiment: strategy, loop, checkpoints, what a run directory holds."""
