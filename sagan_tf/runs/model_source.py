"""Models to export, with what is known of their history."""

from __future__ import annotations

import dataclasses
import os

from sagan_tf.config import FIELDS
from sagan_tf.errors import ConfigError, ExportError
from sagan_tf.models.sagan import SAGAN
from sagan_tf.runs import best, checkpoints, history, run_directory, scores


@dataclasses.dataclass(frozen=True)
class ModelSource:
    """A model and its history.

    Args:
        model: the `SAGAN`.
        config: dict of the known configuration fields. A run knows all fields; a model that was
            made in Python knows those of its networks.
        scores: records of evaluation at the step of `model`: dicts.
    """

    model: SAGAN
    config: dict
    scores: tuple = ()


def find(model_or_run_dir, checkpoint):
    """Returns the `ModelSource` of a model, or of a checkpoint in a run directory.

    Args:
        model_or_run_dir: a `SAGAN`, a path, or a `ModelSource`, which is returned as it is.
        checkpoint: checkpoint of a run directory: "latest", "best" or a step. It must be
            "latest" for a model.

    Raises:
        ConfigError: `checkpoint` has another value.
        RunDirectoryError: there is no run, or no checkpoint of that step.
        ExportError: the run has no best checkpoint.
    """
    if isinstance(model_or_run_dir, (SAGAN, ModelSource)):
        if checkpoint != "latest":
            raise ConfigError("checkpoint", checkpoint, "left out: a model is exported as it is")
        if isinstance(model_or_run_dir, ModelSource):
            return model_or_run_dir
        return _of_model(model_or_run_dir)
    run = run_directory.load(model_or_run_dir)
    if checkpoint != "best":
        return _of_model(checkpoints.load(run.path, _step(checkpoint)))
    if best.read(run.path) is None:
        raise ExportError(
            f"checkpoint='best': none of the checkpoints in run_dir={run.path} has been "
            "scored; score them with train/evaluate.py, or choose 'latest' or a step"
        )
    model = checkpoints.load(os.path.join(run.path, best.DIRECTORY))
    # The scores are in the directory of the run, above that of the best checkpoint.
    found = scores.of_step(run.join(scores.FILE_NAME), int(model.step.numpy()))
    return ModelSource(model, dataclasses.asdict(run.config), found)


def _step(checkpoint):
    if checkpoint == "latest":
        return None
    try:
        return int(checkpoint)
    except ValueError as error:
        raise ConfigError("checkpoint", checkpoint, "'latest', 'best' or a step") from error


def _of_model(model):
    """Returns the `ModelSource` of a model: with its history, if it was loaded."""
    known = history.recall(model)
    return ModelSource(model, *known) if known else ModelSource(model, _known_config(model))


def _known_config(model):
    generator = model.generator
    arguments = {
        **generator.get_config(),
        "generator_channel_multipliers": generator.channel_multipliers,
        "generator_spectral_norm": generator.spectral_norm,
        "seed": model.seed,
        "ema_decay": model.ema_decay,
    }
    return {name: value for name, value in arguments.items() if name in FIELDS}
