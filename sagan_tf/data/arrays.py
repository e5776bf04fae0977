"""Images that are in memory, decoded and at the training resolution."""

from __future__ import annotations

import hashlib
import os

import numpy as np
import tensorflow as tf
import tqdm

from sagan_tf.data import loading, preprocessing
from sagan_tf.errors import ConfigError

_SHARE_OF_MEMORY = 0.5  # of the machine's, at most, for a cache


class ArraySource:
    """Images and labels in memory: a batch is one gather, any step is reached at once.

    Args:
        images: uint8 (n, resolution, resolution, channels).
        labels: int (n,).
        class_names: tuple of str, or None.
        has_labels: False when the labels mean nothing.
    """

    random_access = True

    def __init__(self, images, labels, class_names, has_labels=True):
        self.images = images
        self.labels = np.asarray(labels, np.int32)
        self.class_names = class_names
        self.has_labels = has_labels
        self.num_examples = len(images)

    @classmethod
    def from_small_images(cls, images, labels, class_names, config):
        """From gray images (n, h, w): padded to 32x32 if smaller, then as `config` asks."""
        images = preprocessing.pad_to_square(images[..., None], 32)
        images = preprocessing.resize(images, config.resolution)
        images = preprocessing.convert_channels(images, config.channels)
        return cls(images.numpy(), labels, class_names)

    def fingerprint(self):
        """A text that changes with any pixel or label."""
        digest = hashlib.sha256(np.ascontiguousarray(self.images))
        digest.update(self.labels.tobytes())
        return digest.hexdigest()

    def known_histogram(self):
        """{label: images}: there is nothing to decode."""
        labels, counts = np.unique(self.labels, return_counts=True)
        return dict(zip(labels.tolist(), counts.tolist()))

    def batches(self, index_batches):
        """Images and labels for each batch of indices.

        Args:
            index_batches: tf.data.Dataset of int64 (batch,).

        Returns:
            tf.data.Dataset of uint8 (batch, h, w, c) and int32 (batch,).
        """
        images, labels = tf.constant(self.images), tf.constant(self.labels)
        return index_batches.map(lambda i: (tf.gather(images, i), tf.gather(labels, i)))

    def examples(self, order=None):
        """Every image, as `loading.Example`.

        Args:
            order: iterable of indices; None is all, sorted.
        """
        size = self.images.shape[1:3]
        for index in range(self.num_examples) if order is None else order:
            image = self.images[index]
            name = f"image {index}"
            yield loading.Example(name, int(self.labels[index]), lambda i=image: (i, size))


def in_memory(source, config):
    """The same images, all decoded and in memory; once for each source.

    Raises:
        ConfigError: they would take more than half of the machine's memory.
        DataError: an image cannot be read; the message names it.
    """
    if isinstance(source, ArraySource):
        return source
    if not hasattr(source, "cached"):
        source.cached = _decode_all(source, config)
    return source.cached


def _decode_all(source, config):
    shape = (source.num_examples, config.resolution, config.resolution, config.channels)
    needed, allowed = int(np.prod(shape, dtype=np.int64)), _SHARE_OF_MEMORY * _machine_memory()
    if needed > allowed:
        raise ConfigError(
            "cache_in_memory",
            True,
            f"False here: the images take {needed / 2**30:.1f} GiB, and at most "
            f"{allowed / 2**30:.1f} GiB, half of this machine's memory, may be used",
        )
    images = np.zeros(shape, np.uint8)
    labels = np.zeros(source.num_examples, np.int32)
    problems, index = [], -1
    items = loading.load_all(source.examples())
    bar = tqdm.tqdm(items, "decoding images", shape[0], unit="image", disable=None)
    for index, item in enumerate(bar):
        if item.problem:
            problems.append(item)
        else:
            images[index], labels[index] = item.image, item.label
    loading.raise_if_unreadable(problems)
    loading.raise_if_incomplete(index + 1, source, config)
    return ArraySource(images, labels, source.class_names, source.has_labels)


def _machine_memory():
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
