"""The generator as it is served: nothing left of it that only training needs."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from sagan_tf.errors import ConfigError, ExportError
from sagan_tf.keras_compat import named_layers, named_variables
from sagan_tf.layers.spectral_norm import SpectralNormalized

# Keras policies that both store and compute in the type of that name.
PRECISIONS = ("float32", "bfloat16")


def freeze(generator, precision=PRECISIONS[0]):
    """A generator without spectral normalization that draws the same images.

    Each kernel is divided by its spectral norm once, here, instead of in every call, and the
    singular vectors are left behind. Batch norm keeps its moving statistics.

    Args:
        generator: a `Generator`; it is not changed.
        precision: "float32", or "bfloat16" for weights of half the size and coarser images.

    Raises:
        ConfigError: there is no precision of that name.
        ExportError: a weight is not finite.
    """
    if precision not in PRECISIONS:
        raise ConfigError("precision", precision, f"one of {', '.join(PRECISIONS)}")
    arguments = {**generator.get_config(), "spectral_norm": False, "dtype": precision}
    frozen = type(generator).from_config(arguments)
    normalized = {
        f"{path}/kernel": layer.normalized_kernel()
        for path, layer in named_layers(generator)
        if isinstance(layer, SpectralNormalized)
    }
    weights = {**named_variables(generator), **normalized}
    for path, variable in named_variables(frozen).items():
        value = tf.convert_to_tensor(weights[path])
        if not np.all(np.isfinite(value)):
            raise ExportError(f"the weights of {path} are not finite; choose another checkpoint")
        variable.assign(tf.cast(value, variable.dtype))
    return frozen
