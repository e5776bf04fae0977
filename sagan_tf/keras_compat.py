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


def named_variables(model):
    """Every variable inside `model` by its path, such as "block1/conv1/kernel".

    The two Keras name variables differently, and Keras 3's lists of layers are invisible to
    `tf.train.Checkpoint`; these paths are the same in both.
    """
    named, seen = {}, set()
    # Inner layers first, so that what is left over is a layer's own.
    for path, layer in sorted(named_layers(model), key=lambda item: -item[0].count("/")):
        for variable in layer.weights:
            if id(variable) not in seen:
                seen.add(id(variable))
                named[f"{path}/{variable.name.split('/')[-1].split(':')[0]}"] = variable
    return named
