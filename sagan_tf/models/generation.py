"""Generation of images: checked labels, latents of a seed, batch by batch."""

from __future__ import annotations

import numpy as np

from sagan_tf import sampling
from sagan_tf.errors import ConfigError
from sagan_tf.models import inputs


def generate_images(generator, labels, num_images, seed, truncation, batch_size):
    """Generates uint8 images (n, h, w, c); `SAGAN.generate` says how.

    Raises:
        ConfigError, DataError: an argument is missing or not allowed.
    """
    for name, value in (("seed", seed), ("batch_size", batch_size)):
        if not isinstance(value, (int, np.integer)):
            raise ConfigError(name, value, "a whole number")
    if batch_size < 1:
        raise ConfigError("batch_size", batch_size, "a whole number above 0")
    labels = _labels(generator.num_classes, labels, num_images)
    latents = sampling.latents(seed, len(labels), generator.latent_dim, truncation)
    parts = [slice(first, first + batch_size) for first in range(0, len(labels), batch_size)]
    images = [sampling.to_uint8(generator(latents[part], labels[part])) for part in parts]
    return np.concatenate([part.numpy() for part in images])


def _labels(num_classes, labels, num_images):
    """One label an image, int32 (n,); zeros for an unconditional model."""
    if num_classes is None:
        if not isinstance(num_images, (int, np.integer)) or num_images < 1:
            wanted = "a whole number above 0: the model is unconditional"
            raise ConfigError("num_images", num_images, wanted)
        return np.zeros(num_images, np.int32)
    if labels is None:
        raise ConfigError("labels", None, "one class an image: the model is conditional")
    array = np.asarray(labels)
    if array.ndim != 1 or not array.size:
        raise ConfigError("labels", labels, "a list with one class an image, such as [0, 1, 2]")
    if num_images not in (None, array.size):
        wanted = f"left out: labels name {array.size} images"
        raise ConfigError("num_images", num_images, wanted)
    inputs.check_labels(array, num_classes)
    return array.astype(np.int32)
