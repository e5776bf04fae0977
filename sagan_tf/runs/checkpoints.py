"""Checkpoints of a run, from which training continues bit for bit."""

from __future__ import annotations

import dataclasses
import os
import re
import threading
import warnings

import tensorflow as tf

from sagan_tf.errors import RunDirectoryError, TrainingError, first_line
from sagan_tf.keras_compat import named_variables, optimizer_state
from sagan_tf.models import factory
from sagan_tf.runs import history, run_directory, scores

_NETWORKS = ("generator", "discriminator", "ema_generator")
_NAME = "step"
_FILE = re.compile(rf"{_NAME}-(\d+)\.(index|data-00000-of-00001)")  # one process writes it all


class Checkpoints:
    """Saves and restores networks, EMA, both optimizers and the step of a `SAGAN`.

    Saving copies the variables in memory. A thread writes the copies while training continues.
    (TensorFlow's own `CheckpointOptions(enable_async=True)` reports an error of the last checkpoint
    only when the interpreter exits, with code 0.)

    Args:
        model: a compiled `SAGAN`.
        directory: directory of the checkpoints.
        keep: number of the newest checkpoints to keep; None keeps all.
    """

    def __init__(self, model, directory, keep=None):
        self._model = model
        self._directory = directory
        self._keep = keep
        self._variables = _variables(model)
        self._checkpoint = tf.train.Checkpoint(**self._variables)
        self._damaged = set()  # steps of skipped checkpoints
        self._manager = None
        self._thread = self._error = None

    def save(self, wait=True):
        """Writes a checkpoint of the current step, unless there is one.

        Args:
            wait: whether to wait until it is written; `finish` waits later.

        Raises:
            RunDirectoryError: this checkpoint or the one before cannot be written. Older ones stay.
            TrainingError: a loss or gradient was not finite; nothing is written.
        """
        bad_step = int(self._model.first_nonfinite_step.numpy())
        if bad_step >= 0:
            raise TrainingError(f"weights are not saved: step {bad_step} was not finite")
        step = int(self._model.step.numpy())
        if step in set(self.steps()) - self._damaged:  # waits for the one before
            return
        if self._manager is None:
            self._make_copies()
        self._copy()
        self._thread = threading.Thread(target=self._write, args=(step,))
        self._thread.start()
        if wait:
            self.finish()

    def finish(self):
        """Waits until the current checkpoint is written.

        Raises:
            RunDirectoryError: it cannot be written.
        """
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        error, self._error = self._error, None
        if error is not None:
            reason = first_line(error)
            raise RunDirectoryError(
                f"checkpoint of step {self._step_written} cannot be written to "
                f"{self._directory}: {reason}"
            ) from error

    def is_writing(self):
        """Whether a checkpoint is being written at this moment."""
        return self._thread is not None and self._thread.is_alive()

    def steps(self):
        """Returns the steps of the checkpoints on disk, oldest first."""
        self.finish()
        return saved_steps(self._directory)

    def restore(self, step=None, warn=warnings.warn):
        """Restores the newest checkpoint, or that of `step`; returns its step, 0 for none.

        Args:
            step: step of the checkpoint. None is the newest readable one.
            warn: function that gets a text for each skipped checkpoint.

        Raises:
            RunDirectoryError: there is no checkpoint of that step, all checkpoints are damaged, or
                one does not fit the model.
        """
        found = {step: self._path(step) for step in _files(self._directory)}
        if step is None and not found:
            return 0
        if step is not None and step not in found:
            known = ", ".join(map(str, sorted(found))) or "none"
            raise RunDirectoryError(
                f"step={step} has no checkpoint in {self._directory}; there are: {known}"
            )
        for candidate in sorted(found, reverse=True) if step is None else [step]:
            damage = self._read(found[candidate])
            if damage is None:
                return candidate
            if step is None and candidate not in _files(self._directory):
                return self.restore(warn=warn)  # training removed it, and has saved a newer one
            self._damaged.add(candidate)
            message = f"checkpoint {found[candidate]} is damaged ({damage})"
            if len(self._damaged) < len(found) and step is None:
                warn(f"{message}; taking the one before it")
        raise RunDirectoryError(f"{message}, and there is no other to take")

    def _path(self, step):
        return os.path.join(self._directory, f"{_NAME}-{step}")

    def _read(self, path):
        """Assigns all variables; returns None, or a description of the damage."""
        try:
            self._checkpoint.restore(path).assert_consumed()
        except (AssertionError, ValueError, IndexError, tf.errors.OpError) as error:
            differences = self._differences(path)
            if differences:
                raise RunDirectoryError(
                    f"checkpoint {path} does not fit this model; it is of another architecture: "
                    f"{differences[0]}"
                ) from error
            return first_line(error)
        return None

    def _differences(self, path):
        """Describes how the variables in a file differ from the model's; empty if unreadable."""
        try:
            reader = tf.train.load_checkpoint(path)
        except (tf.errors.OpError, ValueError):
            return []
        suffix = "/.ATTRIBUTES/VARIABLE_VALUE"
        saved = {
            name[: -len(suffix)].replace(".S", "/"): tuple(shape)
            for name, shape in reader.get_variable_to_shape_map().items()
            if name.endswith(suffix) and not name.startswith("save_counter")
        }
        ours = {name: tuple(variable.shape) for name, variable in _flat(self._variables)}
        return [
            f"{name} is {saved.get(name, 'missing')} in the file, {ours.get(name, 'not')} here"
            for name in sorted(saved.keys() | ours.keys())
            if saved.get(name) != ours.get(name)
        ]

    def _make_copies(self):
        with tf.device("CPU:0"):
            copies = tf.nest.map_structure(
                lambda v: tf.Variable(tf.zeros(v.shape, v.dtype), trainable=False), self._variables
            )
        pairs = list(zip(tf.nest.flatten(copies), tf.nest.flatten(self._variables)))

        @tf.function
        def copy():
            for to, variable in pairs:
                to.assign(tf.convert_to_tensor(variable))

        self._copy = copy
        self._manager = tf.train.CheckpointManager(
            tf.train.Checkpoint(**copies),
            self._directory,
            max_to_keep=self._keep,
            checkpoint_name=_NAME,
        )

    def _write(self, step):
        self._step_written = step
        try:
            self._manager.save(checkpoint_number=step)
            self._damaged.discard(step)
        except (OSError, tf.errors.OpError) as error:
            self._error = error


def _variables(model):
    """Returns the variables to save: {part: {path: variable}}."""
    return {
        "step": model.step,
        **{name: named_variables(getattr(model, name)) for name in _NETWORKS},
        **{
            f"{name}_optimizer": optimizer_state(
                getattr(model, f"{name}_optimizer"), getattr(model, name)
            )
            for name in ("generator", "discriminator")
        },
    }


def _flat(variables):
    """Yields (name in the file, variable) for all variables."""
    for part, inside in variables.items():
        if isinstance(inside, dict):
            for path, variable in inside.items():
                yield f"{part}/{path}", variable
        else:
            yield part, inside


def _files(directory):
    """Returns {step: kinds of its files, "index" and data} for the checkpoints in a directory.

    The listing of the directory counts. TensorFlow's own list, the file `checkpoint`, may be
    missing in a copy.
    """
    found = {}
    if tf.io.gfile.isdir(directory):
        for match in map(_FILE.fullmatch, tf.io.gfile.listdir(directory)):
            if match:
                found.setdefault(int(match[1]), set()).add(match[2])
    return found


def saved_steps(directory):
    """Returns the steps of the complete checkpoints in a directory, oldest first."""
    return sorted(step for step, kinds in _files(directory).items() if len(kinds) == 2)


def load(run_dir, step=None):
    """Loads the model of a run, with the weights of its newest checkpoint.

    Args:
        run_dir: directory of the run.
        step: step of the checkpoint; None is the newest readable one.

    Returns:
        A compiled `SAGAN`.

    Raises:
        RunDirectoryError: there is no run or no such checkpoint.
    """
    run = run_directory.load(run_dir)
    model = factory.build_model(run.config, run.read_class_names())
    checkpoints = Checkpoints(model, run.checkpoints)
    if step is None and not checkpoints.steps():
        raise RunDirectoryError(f"run_dir={run_dir} has no checkpoint yet")
    checkpoints.restore(step)
    found = scores.of_step(run.join(scores.FILE_NAME), int(model.step.numpy()))
    history.remember(model, dataclasses.asdict(run.config), found)
    return model
