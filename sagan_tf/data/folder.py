"""Folders of images: one sub-folder for each class, or all images in one folder."""

from __future__ import annotations

import concurrent.futures
import hashlib
import os

import numpy as np
import tensorflow as tf

from sagan_tf.data import decoding, loading
from sagan_tf.data.source import RandomAccessSource
from sagan_tf.errors import DataError

_EXTENSIONS = ("jpg", "jpeg", "png", "bmp", "webp")
_LISTING_THREADS = 16  # to list a bucket is to wait for the network


class FolderSource(RandomAccessSource):
    """Images in a folder, local or in a bucket, read when a batch needs them.

    The sub-folders, sorted by name, are the classes; an image may be deeper inside them. A folder
    without sub-folders has no labels. Hidden files and files of other types are ignored.

    Args:
        directory: path of the folder.
        config: ExperimentConfig.

    Raises:
        DataError: the folder does not exist, or has no images.
    """

    def __init__(self, directory, config):
        self.directory = directory
        self.config = config
        self.paths, labels, self.class_names = _list_images(directory)
        self.labels = np.asarray(labels, np.int32)
        self.has_labels = self.class_names is not None
        self.num_examples = len(self.paths)
        self._decoder = loading.Decoder(self._read)

    def _read(self, path):
        return decoding.decode(tf.io.read_file(path), self.config)

    def fingerprint(self):
        """Returns a text that changes when a file is added, removed, renamed or changes class."""
        digest = hashlib.sha256()
        for path, label in zip(self.paths, self.labels):
            digest.update(f"{path}\0{label}\n".encode("utf-8", "surrogateescape"))
        return digest.hexdigest()

    def batches(self, index_batches):
        """Decodes the images of each batch in parallel, in order; see `RandomAccessSource`."""
        paths, labels = tf.constant(self.paths), tf.constant(self.labels)

        def load(index):
            return self._read(paths[index])[0], labels[index]

        images = index_batches.unbatch().map(load, num_parallel_calls=tf.data.AUTOTUNE)
        return images.batch(index_batches.element_spec.shape[0], drop_remainder=True)

    def examples(self, order=None):
        """Yields one `loading.Example` for each image; see `Source`."""
        for index in range(self.num_examples) if order is None else order:
            path = self.paths[index]
            load = loading.EncodedImage(self._decoder, path)
            yield loading.Example(path, int(self.labels[index]), load)


def _list_images(directory):
    """Returns the paths, labels and class names (None without sub-folders) in a folder."""
    if not tf.io.gfile.isdir(directory):
        raise DataError(f"there is no folder {_absolute(directory)}")
    flat, folders = _list(directory)
    with concurrent.futures.ThreadPoolExecutor(_LISTING_THREADS) as pool:
        found = list(pool.map(_list_below, folders))
    if not flat and not any(found):
        kinds = ", ".join(_EXTENSIONS)
        raise DataError(f"no images ({kinds}) in {_absolute(directory)} or its sub-folders")
    if not any(found):
        paths, labels, names = flat, [0] * len(flat), None
    else:
        _check_classes(directory, flat, folders, found)
        paths = [path for paths in found for path in paths]
        labels = [label for label, paths in enumerate(found) for _ in paths]
        names = tuple(os.path.basename(folder) for folder in folders)
    _check_webp(paths)
    return paths, labels, names


def _check_classes(directory, flat, folders, found):
    if flat:
        raise DataError(
            f"{directory} has images both in sub-folders and directly in it, such as {flat[0]}; "
            "move all images into class sub-folders, or all into one folder"
        )
    empty = [folder for folder, paths in zip(folders, found) if not paths]
    if empty:
        raise DataError(f"the class folder {empty[0]} has no images; remove it or fill it")


def _check_webp(paths):
    webp = [path for path in paths if path.lower().endswith(".webp")]
    if webp and not decoding.can_read_webp():
        raise DataError(f"TensorFlow {tf.__version__} cannot read WebP, such as {webp[0]}")


def _list_below(directory):
    images, folders = _list(directory)
    for folder in folders:
        images += _list_below(folder)
    return images


def _list(directory):
    """Returns the images and the sub-folders directly in a folder, sorted."""
    names = [name for name in sorted(tf.io.gfile.listdir(directory)) if not name.startswith(".")]
    images, others = [], []
    for name in names:
        is_image = name.lower().rpartition(".")[2] in _EXTENSIONS
        (images if is_image else others).append(os.path.join(directory, name.rstrip("/")))
    return images, [path for path in others if tf.io.gfile.isdir(path)]


def _absolute(path):
    return path if "://" in path else os.path.abspath(path)
