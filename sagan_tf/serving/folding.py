"""Spectral norms divided into the kernels: the generator in the form that is served."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from sagan_tf.errors import ConfigError, ExportError
from sagan_tf.keras_compat import named_layers, named_variables
from sagan_tf.layers.spectral_norm import SpectralNormalized

# Keras policies that both store and compute in the type of that name.
PRECISIONS = ("float32", "bfloat16")


def fold_spectral_norm(generator, precision=PRECISIONS[0]):
    """Returns a generator without spectral normalization that generates the same images.

    Each kernel is divided by its spectral norm (equation 9) once, instead of in every call. The
    copy has no singular vectors. Batch norm keeps its moving statistics.

    Args:
        generator: a `Generator`; it is not changed.
        precision: "float32", or "bfloat16", which halves the size of the weights and makes
            images coarser.

    Raises:
        ConfigError: there is no precision of that name.
        ExportError: a weight is not finite.
    """
    if precision not in PRECISIONS:
        raise ConfigError("precision", precision, f"one of {', '.join(PRECISIONS)}")
    folded = generator.variant(spectral_norm=False, dtype=precision)
    normalized = {
        f"{path}/kernel": layer.normalized_kernel()
        for path, layer in named_layers(generator)
        if isinstance(layer, SpectralNormalized)
    }
    weights = {**named_variables(generator), **normalized}
    for path, variable in named_variables(folded).items():
        value = tf.convert_to_tensor(weights[path])
        if not np.all(np.isfinite(value)):
            raise ExportError(f"the weights of {path} are not finite; choose another checkpoint")
        variable.assign(tf.cast(value, variable.dtype))
    return folded
