"""The directory of one run, and whether it may be written to.

It holds `config.json` (the resolved configuration), `class_names.json` (if the classes have
names), `checkpoints/`, `samples/`, `metrics.jsonl` and TensorBoard's event files.
"""

from __future__ import annotations

import contextlib
import json
import os

import tensorflow as tf

from sagan_tf import files
from sagan_tf.config import FIELDS, ExperimentConfig
from sagan_tf.data import inspect
from sagan_tf.errors import RunDirectoryError, first_line

_CONFIG = "config.json"
_CLASS_NAMES = "class_names.json"
# `--check_data` may have looked at the images before the run began.
_PREFLIGHT_FILES = {inspect.REPORT_NAME, inspect.GRID_NAME, inspect.UNREADABLE_NAME}


class RunDirectory:
    """Paths and configuration of one run.

    Args:
        path: the directory, local or any other that `tf.io.gfile` knows.
        config: the `ExperimentConfig` of the run.
    """

    def __init__(self, path, config):
        files.check_no_pattern("run_dir", path)
        self.path = os.fspath(path)
        self.config = config
        self.checkpoints = self.join("checkpoints")
        self.samples = self.join("samples")
        self.metrics = self.join("metrics.jsonl")

    def join(self, name):
        """The path of `name` inside the directory."""
        return os.path.join(self.path, name)

    def sample_path(self, step):
        """Where the sample grid of a step goes."""
        return os.path.join(self.samples, f"step_{step:08d}.png")

    @contextlib.contextmanager
    def writing(self):
        """Raises RunDirectoryError for what the file system refuses, such as a full disk."""
        try:
            yield
        except (tf.errors.OpError, OSError) as error:
            reason = first_line(error)
            raise RunDirectoryError(f"run_dir={self.path} cannot be written: {reason}") from error

    def write_class_names(self, names):
        """Keeps the names of the classes beside the configuration, if there are any.

        Args:
            names: of the data set's classes, or None. Classes that the model has not are left out.
        """
        names = list(names or ())[: self.config.num_classes or 0]
        if names:
            files.write_whole(self.join(_CLASS_NAMES), json.dumps(names, indent=2) + "\n")

    def read_class_names(self):
        """Returns the names that `write_class_names` kept, or None.

        Raises:
            RunDirectoryError: the file is damaged.
        """
        path = self.join(_CLASS_NAMES)
        if not tf.io.gfile.exists(path):
            return None
        try:
            names = json.loads(files.read_text(path))
        except ValueError:
            names = None
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise RunDirectoryError(
                f"{path} is damaged: it must be a JSON list of names; remove it to go on without "
                "names, or resume training, which writes it again"
            )
        return tuple(names)


def start(path, config):
    """Opens a run directory for training: makes it, or checks that it holds this very run.

    Raises:
        RunDirectoryError: it cannot be written, holds something else, or another configuration.
    """
    run = RunDirectory(path, config)
    if tf.io.gfile.exists(run.join(_CONFIG)):
        _check_same(run.path, load(path).config, config)
    elif tf.io.gfile.exists(run.path):
        if not tf.io.gfile.isdir(run.path):
            raise RunDirectoryError(f"run_dir={run.path} is a file; it must be a directory")
        if set(tf.io.gfile.listdir(run.path)) - _PREFLIGHT_FILES:
            raise RunDirectoryError(
                f"run_dir={run.path} holds files that are not a run's; choose a new or empty one"
            )
    with run.writing():
        tf.io.gfile.makedirs(run.samples)
        files.write_whole(run.join(_CONFIG), config.to_json())
    return run


def load(path):
    """Opens an existing run directory.

    Raises:
        RunDirectoryError: there is no run at `path`.
        ConfigError: `path` is a pattern, or its `config.json` is not one of ours.
    """
    files.check_no_pattern("run_dir", path)
    config_path = os.path.join(os.fspath(path), _CONFIG)
    if not tf.io.gfile.exists(config_path):
        raise RunDirectoryError(f"run_dir={path} is not a run: there is no {config_path}")
    return RunDirectory(path, ExperimentConfig.from_json(files.read_text(config_path)))


def _check_same(path, old, new):
    differences = [
        f"{name}={getattr(old, name)!r} (now {getattr(new, name)!r})"
        for name, field in FIELDS.items()
        if not field.metadata["resumable"] and getattr(old, name) != getattr(new, name)
    ]
    if differences:
        raise RunDirectoryError(
            f"run_dir={path} was started with {', '.join(differences)}; "
            "use the same settings to resume it, or another directory"
        )
