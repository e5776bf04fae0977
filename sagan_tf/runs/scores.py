"""Records of scores: one JSON line each, with the number and all that it depends on."""

from __future__ import annotations

import dataclasses
import json
import os
import platform
import sys

import keras
import numpy
import scipy
import tensorflow as tf

from sagan_tf import files, hashing
from sagan_tf.errors import EvaluationError, first_line
from sagan_tf.runs import json_lines

FILE_NAME = "evaluation.jsonl"


def versions():
    """Returns the versions of Python and of the libraries that compute scores."""
    return {
        "python": platform.python_version(),
        "tensorflow": tf.__version__,
        "keras": keras.__version__,
        "numpy": numpy.__version__,
        "scipy": scipy.__version__,
    }


def config_sha256(config):
    """Returns the SHA-256 of an `ExperimentConfig`."""
    return hashing.settings_sha256(dataclasses.asdict(config))


class ScorePrinter:
    """Prints records: JSON lines on stdout for programs, a summary on stderr for people.

    It prints each warning once.
    """

    def __init__(self):
        self._said = set()

    def __call__(self, record):
        """Prints one record."""
        print(json.dumps(record), flush=True)
        notes = list(record["warnings"])
        if record["comparable"] == "no":
            notes.append("this feature network's scores do not compare with published ones")
        for note in notes:
            if note not in self._said:
                self._said.add(note)
                print(f"warning: {note}", file=sys.stderr)
        spread = "" if record["spread"] is None else f" ± {record['spread']:.4f}"
        step = f"step {record['step']}: " if record.get("step") is not None else ""
        print(
            f"{step}{record['title']}: {record['value']:.4f}{spread}", file=sys.stderr, flush=True
        )


def append(path, records):
    """Adds JSON lines to a file; a reader never sees half a line.

    Training and scoring may add at the same time. (Not in an object store: of two writers at the
    same moment, one may lose its lines.)

    Raises:
        EvaluationError: the file cannot be written.
    """
    try:
        with files.exclusive(os.path.dirname(path) or "."):
            text = json_lines.read_text(path) if tf.io.gfile.exists(path) else ""
            text += "\n" if text and not text.endswith("\n") else ""  # after half a line
            lines = "".join(json.dumps(record) + "\n" for record in records)
            files.write_whole(path, text + lines)
    except (tf.errors.OpError, OSError) as error:
        reason = first_line(error)
        raise EvaluationError(f"{path} cannot be written: {reason}") from error


def read(path):
    """Returns the records in a file of scores; none without a file. See `json_lines.read`."""
    return json_lines.read(path, ("step", "metric", "title", "value"))


def of_step(path, step):
    """Returns a tuple of the records in a file of scores that are of one step."""
    return tuple(record for record in read(path) if record["step"] == step)
