"""Warm-up requests, which a server runs before it calls a new version ready.

Without them the first user of each batch size waits for lazy initialization.
"""

from __future__ import annotations

import importlib
import os

import numpy as np
import tensorflow as tf

from sagan_tf import sampling
from sagan_tf.errors import ServingError
from sagan_tf.serving import signatures

# The batch sizes that a server pads to: `allowed_batch_sizes` in export/serving/batching.config.
BATCH_SIZES = (1, 2, 4, 8, 16, 32, 64)
MODEL_NAME = "sagan"
_FILE = "tf_serving_warmup_requests"  # the name that TensorFlow Serving looks for


def example_inputs(generator, signature, batch_size):
    """Returns valid inputs of a signature: a dict of NumPy arrays with `batch_size` rows."""
    rows = np.arange(batch_size)
    values = {
        "latents": sampling.latents(0, batch_size, generator.latent_dim).numpy(),
        "labels": rows % (generator.num_classes or 1),
        "seed": rows,
        "truncation": np.ones(batch_size),
    }
    specs = signatures.input_specs(generator)[signature]
    return {name: values[name].astype(spec.dtype.as_numpy_dtype) for name, spec in specs.items()}


def write(directory, generator):
    """Writes one request for each signature and batch size into `directory`.

    Args:
        directory: `assets.extra` of a SavedModel.
        generator: the `Generator` that was exported.

    Raises:
        ServingError: the package tensorflow-serving-api is not installed.
    """
    with tf.io.TFRecordWriter(os.path.join(directory, _FILE)) as writer:
        for signature in signatures.input_specs(generator):
            for batch_size in BATCH_SIZES:
                inputs = example_inputs(generator, signature, batch_size)
                writer.write(_record(signature, inputs).SerializeToString())


def _record(signature, inputs):
    logs = load_protos("prediction_log_pb2")
    log = logs.PredictionLog()
    fill_request(log.predict_log.request, MODEL_NAME, signature, inputs)
    return log


def fill_request(request, model, signature, inputs):
    """Fills a `PredictRequest` with a dict of NumPy arrays."""
    request.model_spec.name = model
    request.model_spec.signature_name = signature
    for name, value in inputs.items():
        request.inputs[name].CopyFrom(tf.make_tensor_proto(value))


def load_protos(name):
    """Imports `tensorflow_serving.apis.<name>`, a module that only exports and the client need.

    Raises:
        ServingError: the package tensorflow-serving-api is not installed.
    """
    try:
        return importlib.import_module(f"tensorflow_serving.apis.{name}")
    except ImportError as error:
        raise ServingError(
            "the package tensorflow-serving-api is missing; install it with "
            "`pip install tensorflow-serving-api` in TensorFlow's version"
        ) from error
