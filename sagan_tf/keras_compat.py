"""What differs between Keras 2.15 and Keras 3, and nothing else; each entry says why."""

import keras

IS_KERAS_3 = int(keras.__version__.split(".")[0]) >= 3

# `add_weight` argument that keeps a weight in float32 under a mixed policy: renamed in Keras 3.
NO_AUTOCAST = {"autocast": False} if IS_KERAS_3 else {"experimental_autocast": False}


def flatten_layers(model):
    """Every layer inside `model`, in order.

    Neither Keras has a public way down into blocks: `layers` stops at the first level.
    """
    return list(model._flatten_layers(include_self=False))
