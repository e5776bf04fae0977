"""Run directories: their files, their configuration, and checks before training writes.

A run directory holds `config.json` (the resolved configuration), `class_names.json` (if the
classes have names), `checkpoints/`, `samples/`, `metrics.jsonl` and TensorBoard's event files.
"""

from __future__ import annotations

import contextlib
import json
import os

import tensorflow as tf

from sagan_tf import files
from sagan_tf.config import FIELDS, ExperimentConfig
from sagan_tf.data import preflight
from sagan_tf.errors import RunDirectoryError, first_line
from sagan_tf.runs import lock, scores

_CONFIG = "config.json"
_CLASS_NAMES = "class_names.json"
_SHOWN = 5
BEST = "best"  # directory of the best checkpoint
_METRICS, _CHECKPOINTS, _SAMPLES = "metrics.jsonl", "checkpoints", "samples"
# What a run writes after its configuration; a new run would mix its own with them.
_OF_A_RUN = {_METRICS, _CHECKPOINTS, _CLASS_NAMES, scores.FILE_NAME, BEST}


class RunDirectory:
    """Paths and configuration of one run.

    Args:
        path: the directory; any path that `tf.io.gfile` knows.
        config: the `ExperimentConfig` of the run.
    """

    def __init__(self, path, config):
        self.path = files.exact_path("run_dir", path)
        self.config = config
        self.checkpoints = self.join(_CHECKPOINTS)
        self.samples = self.join(_SAMPLES)
        self.metrics = self.join(_METRICS)

    def join(self, name):
        """Returns the path of `name` inside the directory."""
        return os.path.join(self.path, name)

    def sample_path(self, step):
        """Returns the path of the sample grid of a step."""
        return os.path.join(self.samples, f"step_{step:08d}.png")

    @contextlib.contextmanager
    def writing(self):
        """Turns errors of the file system, for example a full disk, into RunDirectoryError."""
        try:
            yield
        except (tf.errors.OpError, OSError) as error:
            reason = first_line(error)
            raise RunDirectoryError(f"run_dir={self.path} cannot be written: {reason}") from error

    def write_config(self):
        """Writes the configuration; with it, the directory holds a run.

        Raises:
            RunDirectoryError: the directory cannot be written.
        """
        with self.writing():
            tf.io.gfile.makedirs(self.samples)
            files.write_whole(self.join(_CONFIG), self.config.to_json())

    def write_class_names(self, names):
        """Writes the names of the classes, if there are any.

        Args:
            names: names of the data set's classes, or None. Names beyond `num_classes` are left
                out.
        """
        names = list(names or ())[: self.config.num_classes or 0]
        if names:
            files.write_whole(self.join(_CLASS_NAMES), json.dumps(names, indent=2) + "\n")

    def read_class_names(self):
        """Returns the names that `write_class_names` wrote, or None.

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

    def check_class_names(self, source):
        """Refuses data in which a label means another class than in the run so far.

        Args:
            source: `sagan_tf.data.source.Source`.

        Raises:
            RunDirectoryError: a class has been removed, renamed or added in between.
        """
        report, known = preflight.Report.read(self.path), self.read_class_names()
        if known is None and report and report.dataset == self.config.dataset:
            known = report.class_names
        if not known or not source.class_names or self.config.num_classes is None:
            return
        known = known[: self.config.num_classes]
        if source.class_names[: len(known)] != known:
            missing = [repr(name) for name in known if name not in source.class_names]
            added = [repr(name) for name in source.class_names if name not in known]
            changes = [f"the classes {', '.join(missing[:_SHOWN])} are gone"] if missing else []
            changes += [f"the classes {', '.join(added[:_SHOWN])} are new"] if added else []
            raise RunDirectoryError(
                f"run_dir={self.path} was started with other classes of {self.config.dataset}: "
                f"{' and '.join(changes) or 'their order has changed'}; labels would change their "
                "meaning, so restore the classes or use another run_dir"
            )


def check(path, config, source=None):
    """Checks that a run directory is new or holds this very run; writes nothing.

    Files that no run writes may be in a new run's directory. They stay as they are.

    Args:
        path: the directory.
        config: `ExperimentConfig`.
        source: the `sagan_tf.data.source.Source` of the run, if its data may have moved.

    Raises:
        RunDirectoryError: it holds a run without its configuration, another configuration or
            other classes, or it lies in the folder of the images.
    """
    run = RunDirectory(path, config)
    if tf.io.gfile.exists(run.join(_CONFIG)):
        _check_same(run.path, load(path).config, config, source)
        if source is not None:
            run.check_class_names(source)
    else:
        lock.check_directory(run.path)
        _check_outside(run, config)
        _check_new(run)
    return run


def _check_new(run):
    """Raises RunDirectoryError if a directory holds a run whose `config.json` is lost."""
    if not tf.io.gfile.exists(run.path):
        return
    found = {name.rstrip("/") for name in tf.io.gfile.listdir(run.path)}
    left_over = sorted(found & _OF_A_RUN)
    if tf.io.gfile.isdir(run.samples) and tf.io.gfile.listdir(run.samples):
        left_over.append(_SAMPLES)
    if left_over:
        raise RunDirectoryError(
            f"run_dir={run.path} holds {left_over[0]} of a run, but no {_CONFIG}; restore it, or "
            "use another directory"
        )


def _check_outside(run, config):
    """Raises RunDirectoryError if the samples of a run would become images of its data set."""
    kind, _, folder = config.dataset.partition(":")
    if kind != "folder":
        return
    folder = files.real_path(files.expand_home(folder))
    if os.path.join(files.real_path(run.path), "").startswith(os.path.join(folder, "")):
        raise RunDirectoryError(
            f"run_dir={run.path} is in the folder of the images, {folder}; its samples would "
            "become images of the data set, so use a directory outside"
        )


def start(path, config, source=None):
    """Opens a run directory for training: makes it, or checks that it holds this very run.

    Arguments and errors are those of `check`; it also fails if the directory cannot be written.
    """
    run = check(path, config, source)
    run.write_config()
    return run


def load(path):
    """Opens an existing run directory.

    Raises:
        RunDirectoryError: there is no run at `path`.
        ConfigError: `path` is a pattern, or `config.json` is not a configuration.
    """
    path = files.exact_path("run_dir", path)
    config_path = os.path.join(path, _CONFIG)
    if not tf.io.gfile.exists(config_path):
        raise RunDirectoryError(f"run_dir={path} is not a run: there is no {config_path}")
    return RunDirectory(path, ExperimentConfig.from_json(files.read_text(config_path)))


def _check_same(path, old, new, source):
    if source is not None:
        report = preflight.Report.read(path)
        if preflight.is_same_data(report, old.dataset, source):
            old = old.replace(dataset=new.dataset)
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
