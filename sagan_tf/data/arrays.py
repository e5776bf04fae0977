"""Images that are in memory, decoded and at the training resolution."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from sagan_tf.data import preprocessing


class ArraySource:
    """Images and labels in memory: a batch is one gather, any step is reached at once.

    Args:
        images: uint8 (n, resolution, resolution, channels).
        labels: int (n,).
        class_names: tuple of str, or None.
    """

    def __init__(self, images, labels, class_names):
        self.images = images
        self.labels = np.asarray(labels, np.int32)
        self.class_names = class_names
        self.num_examples = len(images)

    @classmethod
    def from_small_images(cls, images, labels, class_names, config):
        """From gray images (n, h, w): padded to 32x32 if smaller, then as `config` asks."""
        images = preprocessing.pad_to_square(images[..., None], 32)
        images = preprocessing.resize(images, config.resolution)
        images = preprocessing.convert_channels(images, config.channels)
        return cls(images.numpy(), labels, class_names)

    def batches(self, index_batches):
        """Images and labels for each batch of indices.

        Args:
            index_batches: tf.data.Dataset of int64 (batch,).

        Returns:
            tf.data.Dataset of uint8 (batch, h, w, c) and int32 (batch,).
        """
        images, labels = tf.constant(self.images), tf.constant(self.labels)
        return index_batches.map(lambda i: (tf.gather(images, i), tf.gather(labels, i)))
