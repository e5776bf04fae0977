"""TensorFlow Serving's protocol buffers, which only exports and the client need."""

from __future__ import annotations

import importlib

from sagan_tf.errors import ServingError


def load(name):
    """The module `tensorflow_serving.apis.<name>`.

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
