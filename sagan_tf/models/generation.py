"""Images from a generator: checked labels, latents of a seed, batch by batch."""

from __future__ import annotations

import numpy as np

from sagan_tf import sampling
from sagan_tf.errors import ConfigError
from sagan_tf.models import inputs


def generate_images(generator, labels, num_images, seed, truncation, batch_size):
    """Draws uint8 images (n, h, w, c) from a generator; `SAGAN.generate` says how."""
    if generator.num_classes is None:
        if not num_images or num_images < 1:
            raise ConfigError("num_images", num_images, "above 0 for an unconditional model")
        labels = np.zeros(num_images, np.int32)
    elif labels is None:
        raise ConfigError("labels", None, "one class an image: the model is conditional")
    else:
        labels = np.asarray(labels)
        inputs.check_labels(labels, generator.num_classes)
    drawn = sampling.latents(seed, len(labels), generator.latent_dim, truncation)
    starts = range(0, len(labels), batch_size)
    parts = [slice(start, start + batch_size) for start in starts]
    images = [
        sampling.to_uint8(generator(drawn[part], labels[part].astype(np.int32))) for part in parts
    ]
    return np.concatenate([part.numpy() for part in images])
