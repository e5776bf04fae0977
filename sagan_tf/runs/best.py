"""The best checkpoint of a run by FID, kept in `<run_dir>/best`, which is a run directory too."""

from __future__ import annotations

import json
import os

import tensorflow as tf

from sagan_tf import files
from sagan_tf.runs.checkpoints import Checkpoints

DIRECTORY = "best"
_RECORD = "best.json"
_COPIED = ("config.json", "class_names.json")


def read(run_path):
    """The FID record of the best checkpoint, or None if none was kept."""
    path = os.path.join(files.exact_path("run_dir", run_path), DIRECTORY, _RECORD)
    return json.loads(files.read_text(path)) if tf.io.gfile.exists(path) else None


def keep_if_best(run, model, records):
    """Saves a model that has just been scored, if its FID is the lowest of the run so far.

    `sagan_tf.load(<run_dir>/best)` loads it. Training, which removes old checkpoints, leaves it.
    A best checkpoint that was scored under other settings does not compare and is replaced.

    Args:
        run: `RunDirectory`.
        model: `SAGAN`, at the step that was scored.
        records: of `Evaluator.score`; without a FID nothing is done.

    Returns:
        Whether it was saved.
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
