"""Checkpoints of a run: everything that training needs to go on as if never stopped."""

from __future__ import annotations

import os

import tensorflow as tf

from sagan_tf.errors import RunDirectoryError
from sagan_tf.keras_compat import named_variables
from sagan_tf.models import recipe
from sagan_tf.training import run_directory


class Checkpoints:
    """Saves and restores networks, EMA, both optimizers and the step of a `SAGAN`.

    Args:
        model: a compiled `SAGAN`.
        directory: where checkpoints go.
        keep: how many of the newest to keep; None keeps all.
    """

    def __init__(self, model, directory, keep=None):
        self._model = model
        networks = ("generator", "discriminator", "ema_generator")
        optimizers = ("generator_optimizer", "discriminator_optimizer")
        self._checkpoint = tf.train.Checkpoint(
            step=model.step,
            **{name: named_variables(getattr(model, name)) for name in networks},
            **{name: list(getattr(model, name).variables) for name in optimizers},
        )
        self._manager = tf.train.CheckpointManager(
            self._checkpoint, directory, max_to_keep=keep, checkpoint_name="step"
        )

    def save(self):
        """Writes a checkpoint of the current step, if there is none yet; returns its path."""
        step = int(self._model.step.numpy())
        if step in self.steps():
            return None
        return self._manager.save(checkpoint_number=step)

    def steps(self):
        """Steps of the checkpoints on disk, oldest first."""
        return [_step_of(path) for path in self._manager.checkpoints]

    def restore(self, step=None):
        """Restores the newest checkpoint, or that of `step`; returns its step, 0 for none.

        Raises:
            RunDirectoryError: there is no checkpoint of that step, or it does not fit the model.
        """
        paths = {_step_of(path): path for path in self._manager.checkpoints}
        if step is None and not paths:
            return 0
        step = max(paths) if step is None else step
        if step not in paths:
            known = ", ".join(map(str, paths)) or "none"
            raise RunDirectoryError(
                f"step={step} has no checkpoint in {self._manager.directory}; there are: {known}"
            )
        try:
            self._checkpoint.restore(paths[step]).assert_consumed()
        except (AssertionError, ValueError, tf.errors.OpError) as error:
            reason = str(error).splitlines()[0]
            raise RunDirectoryError(
                f"checkpoint {paths[step]} cannot be restored: {reason}"
            ) from error
        return step


def _step_of(path):
    return int(os.path.basename(path).rpartition("-")[2])


def load(run_dir, step=None):
    """The model of a run, with the weights of its newest checkpoint.

    Args:
        run_dir: what `train/main.py --run_dir` wrote.
        step: step of the checkpoint; None is the newest.

    Returns:
        A compiled `SAGAN`.

    Raises:
        RunDirectoryError: there is no run or no such checkpoint.
    """
    run = run_directory.load(run_dir)
    model = recipe.build(run.config)
    checkpoints = Checkpoints(model, run.checkpoints)
    if step is None and not checkpoints.steps():
        raise RunDirectoryError(f"run_dir={run_dir} has no checkpoint yet")
    checkpoints.restore(step)
    return model
