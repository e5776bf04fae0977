"""Export: the averaged generator of a model as a directory that TensorFlow Serving loads."""

from __future__ import annotations

import json
import os

import tensorflow as tf

from sagan_tf import files, ops
from sagan_tf.errors import ConfigError
from sagan_tf.ops.forms import DEVICES
from sagan_tf.runs import source as origin
from sagan_tf.serving import (
    description,
    frozen,
    protos,
    signatures,
    verification,
    versions,
    warmup,
)


def export(
    model_or_run_dir,
    base_dir,
    version=None,
    checkpoint="latest",
    precision=frozen.PRECISIONS[0],
    device="any",
):
    """Writes `base_dir/version`, a SavedModel of the EMA generator alone.

    It is complete, and has been reloaded and compared with the live generator, before it gets its
    name, so a server that polls `base_dir` never sees half of it. docs/export.md says what it
    holds.

    Args:
        model_or_run_dir: a `SAGAN`, the directory of a run, or an `Origin`.
        base_dir: directory of the versions, local or any other that `tf.io.gfile` knows.
        version: number from 1; None is one more than the highest in `base_dir`.
        checkpoint: of a run directory: "latest", "best" or a step.
        precision: of weights and arithmetic: "float32" or "bfloat16".
        device: kind of device of the servers: "any", or "cpu", "gpu" or "tpu" for the forms of
            the operations that are fastest there. Those of "cpu" lose digits on a GPU.

    Returns:
        The path of the version.

    Raises:
        ConfigError: an argument is not allowed.
        RunDirectoryError: there is no run or no such checkpoint.
        ExportError: the version exists, the directory cannot be written, the run has no best
            checkpoint, or weights are not finite.
        ServingError: the package tensorflow-serving-api is not installed.
    """
    base_dir = os.fspath(base_dir)
    version = versions.choose(base_dir, version)
    if device not in DEVICES:
        raise ConfigError("device", device, f"one of {', '.join(DEVICES)}")
    protos.load("prediction_log_pb2")  # before minutes of work, not after
    source = origin.find(model_or_run_dir, checkpoint)
    live = source.model.ema_generator
    generator = frozen.freeze(live, precision)
    with versions.publish(base_dir, version) as directory:
        with ops.using("auto", device):
            functions = signatures.build(generator)
        _save(functions, directory)
        comparison = verification.compare(directory, live, generator)
        extra = os.path.join(directory, "assets.extra")
        tf.io.gfile.makedirs(extra)
        warmup.write(extra, generator)
        card = description.describe(source, precision, device, functions, directory, comparison)
        files.write_whole(os.path.join(extra, description.FILE), json.dumps(card, indent=2) + "\n")
        files.write_whole(os.path.join(directory, "MODEL_CARD.md"), description.model_card(card))
    return os.path.join(base_dir, str(version))


def _save(functions, directory):
    module = tf.Module()
    # Only what the graphs read is saved: bare variables, no Keras object.
    module.weights = list(functions["serving_default"].variables)
    tf.saved_model.save(module, directory, signatures=functions)
