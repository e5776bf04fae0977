"""What is exported: a model, and what is known of where it comes from."""

from __future__ import annotations

import dataclasses
import os

from sagan_tf.config import FIELDS
from sagan_tf.errors import ConfigError, ExportError
from sagan_tf.models.sagan import SAGAN
from sagan_tf.runs import best, checkpoints
from sagan_tf.runs import directory as run_directory
from sagan_tf.runs import scores as records


@dataclasses.dataclass(frozen=True)
class Origin:
    """A model and its history.

    Args:
        model: the `SAGAN`.
        config: dict of the configuration fields that are known: all of them for a run, those of
            the networks for a model that was made in Python.
        scores: what evaluation recorded for this very step: dicts.
    """

    model: SAGAN
    config: dict
    scores: tuple = ()


def find(model_or_run_dir, checkpoint):
    """The `Origin` of a `SAGAN`, or of a checkpoint in a run directory; an `Origin` as it is.

    Args:
        model_or_run_dir: a `SAGAN`, an `Origin`, or a path.
        checkpoint: of a run directory: "latest", "best" or a step.

    Raises:
        ConfigError: `checkpoint` is none of these.
        RunDirectoryError: there is no run or no such checkpoint.
        ExportError: the run has no best checkpoint.
    """
    if isinstance(model_or_run_dir, (SAGAN, Origin)):
        if checkpoint != "latest":
            raise ConfigError("checkpoint", checkpoint, "left out: a model is exported as it is")
        if isinstance(model_or_run_dir, Origin):
            return model_or_run_dir
        return Origin(model_or_run_dir, _known_config(model_or_run_dir))
    run = run_directory.load(model_or_run_dir)
    if checkpoint == "best":
        if best.read(run.path) is None:
            raise ExportError(
                f"checkpoint='best': none of the checkpoints in run_dir={run.path} has been "
                "scored; score them with train/evaluate.py, or choose 'latest' or a step"
            )
        model = checkpoints.load(os.path.join(run.path, best.DIRECTORY))
    else:
        model = checkpoints.load(run.path, _step(checkpoint))
    step = int(model.step.numpy())
    lines = records.read(run.join(records.FILE_NAME))
    scores = tuple(line for line in lines if line.get("step") == step)
    return Origin(model, dataclasses.asdict(run.config), scores)


def _step(checkpoint):
    if checkpoint == "latest":
        return None
    try:
        return int(checkpoint)
    except ValueError as error:
        raise ConfigError("checkpoint", checkpoint, "'latest', 'best' or a step") from error


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
