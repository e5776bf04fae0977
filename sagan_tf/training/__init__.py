"""Running an experiment: strategy, loop, workers, reports."""
