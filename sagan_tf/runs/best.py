"""Best checkpoint of a run by FID, in `<run_dir>/best`, which is a run directory too."""

from __future__ import annotations

import json
import os

import tensorflow as tf

from sagan_tf import files
from sagan_tf.runs import json_lines, run_directory
from sagan_tf.runs.checkpoints import Checkpoints

DIRECTORY = run_directory.BEST
_RECORD = "best.json"
_COPIED = ("config.json", "class_names.json")


def read(run_path):
    """Returns the FID record of the best checkpoint, or None without one."""
    directory = os.path.join(files.exact_path("run_dir", run_path), DIRECTORY)
    lines = json_lines.read(os.path.join(directory, _RECORD), ("settings_sha256", "value"))
    return lines[-1] if lines else None


def keep_if_best(run, model, records):
    """Saves a model with its new scores, if its FID is the lowest of the run so far.

    `sagan_tf.load(<run_dir>/best)` loads it. Training removes old checkpoints, but not this one.
    A best checkpoint with scores of other settings does not compare, so it is replaced.

    Args:
        run: `RunDirectory`.
        model: `SAGAN`, at the step of the scores.
        records: of `Evaluator.score`; without a FID the function does nothing.

    Returns:
        Whether it saved the model.
    """
    record = next((record for record in records if record["metric"] == "fid"), None)
    if record is None or _is_beaten(record, read(run.path)):
        return False
    directory = run.join(DIRECTORY)
    checkpoints = os.path.join(directory, os.path.basename(run.checkpoints))
    tf.io.gfile.makedirs(checkpoints)
    for name in _COPIED:
        if tf.io.gfile.exists(run.join(name)):
            files.write_whole(os.path.join(directory, name), files.read_text(run.join(name)))
    Checkpoints(model, checkpoints, keep=1).save()
    files.write_whole(os.path.join(directory, _RECORD), json.dumps(record) + "\n")
    return True


def _is_beaten(record, best):
    return (
        best is not None
        and best["settings_sha256"] == record["settings_sha256"]
        and best["value"] <= record["value"]
    )
