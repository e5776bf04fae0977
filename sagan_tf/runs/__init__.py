"""Run directories: configuration, lock, checkpoints, scores, and the models that come from them."""
