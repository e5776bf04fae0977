"""What differs between Keras 2.15 and Keras 3, and nothing else; each entry says why."""

import keras

IS_KERAS_3 = int(keras.__version__.split(".")[0]) >= 3

# `add_weight` argument that keeps a weight in float32 under a mixed policy: renamed in Keras 3.
NO_AUTOCAST = {"autocast": False} if IS_KERAS_3 else {"experimental_autocast": False}


def named_layers(parent, prefix=""):
    """Every layer inside `parent` as (path of names, layer), such as ("block1/conv1", ...).

    Neither Keras has a public way down into blocks: `layers` stops at the first level.
    """
    for child in parent._flatten_layers(recursive=False, include_self=False):
        path = f"{prefix}{child.name}"
        yield path, child
        yield from named_layers(child, f"{path}/")
