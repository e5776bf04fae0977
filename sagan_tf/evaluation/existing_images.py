"""Image sets of existing images: those of a data source and those of a folder."""

from __future__ import annotations

import collections
import hashlib
import itertools

import numpy as np
import tensorflow as tf

from sagan_tf import hashing
from sagan_tf.config import DEFAULTS
from sagan_tf.data import decoding, loading
from sagan_tf.data.folder import FolderSource
from sagan_tf.errors import EvaluationError
from sagan_tf.evaluation.image_sets import RealImages

_FINGERPRINTED = 64


class SourceImages(RealImages):
    """Images of a data source, cropped and resized as in training, but never mirrored.

    Args:
        source: from `sagan_tf.data.sources.open_source`.
        config: the `ExperimentConfig` that it was opened with.
    """

    def __init__(self, source, config):
        self._source = source
        self.num_images = source.num_examples
        self.image_shape = (config.resolution, config.resolution, config.channels)
        self.has_labels = source.has_labels
        self.provenance = {
            "dataset": config.dataset,
            "split": None if config.dataset == "bundled" else config.split,
            "crop": config.crop,
            "background": config.background,
        }

    def batches(self, num_images, batch_size):
        """Yields (images, labels) of a random part of the images, in the order of the source."""
        chosen = np.sort(np.random.RandomState(0).permutation(self.num_images)[:num_images])
        return _batches(self._examples(chosen), batch_size, self.image_shape)

    def _examples(self, chosen):
        if self._source.random_access:
            return self._source.examples(chosen)
        is_chosen = np.zeros(self.num_images, bool)
        is_chosen[chosen] = True
        return itertools.compress(self._source.examples(), is_chosen)

    def label_counts(self):
        """Returns {label: number of images}, without decoding any image."""
        known = self._source.known_histogram()
        if known is None:
            known = collections.Counter(example.label for example in self._source.examples())
        return dict(known)

    def fingerprint(self):
        """Returns a text that changes with the source and with the pixels of some images."""
        count = min(_FINGERPRINTED, self.num_images)
        digest = hashlib.sha256(self._source.fingerprint().encode())
        step = self.num_images // count if self._source.random_access else 1
        chosen = np.arange(count) * step
        for images, _ in _batches(self._examples(chosen), count, self.image_shape):
            digest.update(images.tobytes())
        return digest.hexdigest()


class FolderImages(RealImages):
    """Images in a folder, without a crop or resize; all must have one size.

    Args:
        path: the folder, with or without sub-folders of classes.

    Raises:
        DataError: there is no folder, or no image in it.
        EvaluationError: the first image cannot be read.
    """

    def __init__(self, path):
        self.path = path
        self._listing = FolderSource(path, DEFAULTS)
        self.num_images = self._listing.num_examples
        self.has_labels = self._listing.has_labels
        self.image_shape = next(iter(_batches(self._examples(1), 1)))[0].shape[1:]
        self.provenance = {"dataset": f"folder:{path}"}

    def _examples(self, count):
        for path, label in itertools.islice(zip(self._listing.paths, self._listing.labels), count):
            yield loading.Example(path, int(label), lambda path=path: _read(path))

    def batches(self, num_images, batch_size):
        """Yields (images, labels) in the sorted order of the paths."""
        return _batches(self._examples(num_images), batch_size, self.image_shape)

    def label_counts(self):
        """Returns {label: number of images}."""
        return dict(collections.Counter(self._listing.labels.tolist()))

    def fingerprint(self):
        """Returns the SHA-256 of the names and contents of all files."""
        return hashing.directory_sha256(self.path)


def _read(path):
    image = decoding.decode_whole(tf.io.read_file(path).numpy(), DEFAULTS.background)
    return image, image.shape[:2]


def _batches(examples, batch_size, image_shape=None):
    """Yields images and labels of `batch_size` rows; the last repeats its own rows."""
    loaded = loading.load_all(examples)
    while group := list(itertools.islice(loaded, batch_size)):
        loading.raise_if_unreadable([item for item in group if item.problem])
        for item in group:
            image_shape = image_shape or item.image.shape
            if item.image.shape != tuple(image_shape):
                raise EvaluationError(
                    f"{item.name} is {item.image.shape} (height, width, channels), but others are "
                    f"{tuple(image_shape)}; all images to score must be alike"
                )
        rows = np.arange(batch_size) % len(group)
        images, labels = [item.image for item in group], [item.label for item in group]
        yield np.stack(images)[rows], np.array(labels, np.int32)[rows]
