"""Interpolation between latents and between classes."""

from __future__ import annotations

import numpy as np

from sagan_tf.keras_compat import named_layers, named_variables
from sagan_tf.layers.conditional_batch_norm import ConditionalBatchNormalization


def between_latents(first, second, shares):
    """Interpolates latents on the great circle between two of them (White, arXiv:1609.04468).

    A straight line would come nearer to the origin than the latents of training.

    Args:
        first: float (d,), not 0.
        second: float (d,), not 0 and not opposite to the first.
        shares: float (n,): 0 gives `first`, 1 gives `second`.

    Returns:
        float32 (n, d).
    """
    first, second = np.asarray(first, np.float64), np.asarray(second, np.float64)
    cosine = first @ second / (np.linalg.norm(first) * np.linalg.norm(second))
    angle = np.arccos(np.clip(cosine, -1.0, 1.0))
    shares = np.asarray(shares, np.float64)[:, None]
    if angle < 1e-6:
        mixed = (1.0 - shares) * first + shares * second
    else:
        mixed = np.sin((1.0 - shares) * angle) * first + np.sin(shares * angle) * second
        mixed /= np.sin(angle)
    return mixed.astype(np.float32)


def between_classes(first, second, shares, num_classes):
    """Returns mixtures of two classes for `with_mixed_classes`, float32 (n, num_classes)."""
    mixtures = np.zeros((len(shares), num_classes), np.float32)
    mixtures[:, first] += 1.0 - np.asarray(shares)
    mixtures[:, second] += np.asarray(shares)
    return mixtures


def with_mixed_classes(generator, mixtures):
    """Makes a generator whose classes are mixtures of the classes of another generator.

    A class enters the generator only by a row of the scale and offset tables of its conditional
    batch norms. So a mixture of classes is a weighted mean of rows. Label i of the new generator
    has the weights `mixtures[i]`.

    Args:
        generator: a conditional `Generator`; it is not changed.
        mixtures: float (n, num_classes), rows that add up to 1.

    Returns:
        A `Generator` with n classes.
    """
    mixtures = np.asarray(mixtures, np.float32)
    mixed = generator.variant(num_classes=len(mixtures))
    looked_up = {
        f"{path}/{name}"
        for path, layer in named_layers(generator)
        if isinstance(layer, ConditionalBatchNormalization) and layer.num_classes is not None
        for name in ("gamma", "beta")
    }
    weights = named_variables(generator)
    for path, variable in named_variables(mixed).items():
        value = weights[path].numpy()
        variable.assign(mixtures @ value if path in looked_up else value)
    return mixed
