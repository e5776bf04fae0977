"""Export of the averaged generator as a SavedModel for TensorFlow Serving."""

from __future__ import annotations

import json
import os

import tensorflow as tf

from sagan_tf import files, ops
from sagan_tf.errors import ConfigError
from sagan_tf.ops.forms import DEVICES
from sagan_tf.runs import model_source
from sagan_tf.serving import (
    description,
    folding,
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
    precision=folding.PRECISIONS[0],
    device="any",
):
    """Exports the EMA generator to `base_dir/version`, a SavedModel.

    The version gets its name when it is complete, reloaded, and compared with the live generator.
    So a server that polls `base_dir` never sees half of it. docs/export.md lists its content.

    Args:
        model_or_run_dir: a `SAGAN`, the directory of a run, or a `ModelSource`.
        base_dir: directory of the versions; any path that `tf.io.gfile` knows.
        version: number from 1; None is one more than the highest in `base_dir`.
        checkpoint: checkpoint of a run directory: "latest", "best" or a step.
        precision: type of weights and arithmetic: "float32" or "bfloat16".
        device: kind of the servers' devices. "any" takes forms of the operations that are right
            on every device; "cpu", "gpu" and "tpu" take the fastest forms there. The forms of
            "cpu" lose digits on a GPU.

    Returns:
        The path of the version.

    Raises:
        ConfigError: an argument is not allowed, or the directory cannot be written.
        RunDirectoryError: there is no run or no such checkpoint.
        ExportError: the version exists, the disk is full, the run has no best checkpoint, or
            weights are not finite.
        ServingError: the package tensorflow-serving-api is not installed.
    """
    base_dir = files.exact_path("export_dir", base_dir)
    version = versions.choose(base_dir, version)
    if device not in DEVICES:
        raise ConfigError("device", device, f"one of {', '.join(DEVICES)}")
    warmup.load_protos("prediction_log_pb2")  # fails before minutes of work, not after
    files.check_writable("export_dir", base_dir)
    source = model_source.find(model_or_run_dir, checkpoint)
    live = source.model.ema_generator
    generator = folding.fold_spectral_norm(live, precision)
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
    # The variables that the graphs read, and no Keras object.
    module.weights = list(functions["serving_default"].variables)
    tf.saved_model.save(module, directory, signatures=functions)
