"""Folders of images: one sub-folder for each class, or all images in one folder."""

from __future__ import annotations

import collections
import concurrent.futures
import functools
import hashlib
import os

import numpy as np
import tensorflow as tf

from sagan_tf import files, hashing
from sagan_tf.data import decoding, listing, loading
from sagan_tf.data.source import RandomAccessSource
from sagan_tf.errors import DataError

_EXTENSIONS = ("jpg", "jpeg", "jpe", "jfif", "png", "bmp", "dib", "webp")
# Image formats that `decoding` does not read. They are left out with a warning.
_OTHER_IMAGES = (
    *("avif", "exr", "gif", "heic", "heif", "jp2", "jxl", "pgm", "ppm", "psd", "svg", "tga"),
    *("tif", "tiff", "cr2", "dng", "nef", "arw"),
)
_SAMPLED_FILES = 16
_LISTING_THREADS = 16  # to list a bucket is to wait for the network


class FolderSource(RandomAccessSource):
    """Images in a folder, local or in a bucket, read when a batch needs them.

    The sub-folders, sorted by name, are the classes; an image may be deeper inside them. A folder
    without sub-folders has no labels. Hidden files, system folders such as `__MACOSX`, and files
    of other types are ignored. A folder that several symbolic links lead to counts once in a class.

    Args:
        directory: path of the folder.
        config: ExperimentConfig.

    Raises:
        DataError: the folder does not exist, has no images, or its sub-folders are splits.
    """

    def __init__(self, directory, config):
        self.directory = directory
        self.config = config
        found = _Listing(directory)
        self.paths, labels, self.class_names = found.paths, found.labels, found.class_names
        self.warnings = found.warnings()
        self.labels = np.asarray(labels, np.int32)
        self.has_labels = self.class_names is not None
        self.num_examples = len(self.paths)
        self._decoder = loading.Decoder(self._read)

    def _read(self, path):
        return decoding.decode(tf.io.read_file(path), self.config)

    def fingerprint(self):
        """Returns a text that changes when a file is added, removed, renamed or changes class."""
        return self._fingerprint

    @functools.cached_property
    def _fingerprint(self):
        return self._fingerprint_at(self.directory)

    def is_same_data(self, dataset, fingerprint):
        """Returns True if the folder `dataset` had the same files; see `Source`."""
        kind, _, directory = dataset.partition(":")
        if kind != "folder":
            return False
        same_place = directory == self.directory
        return fingerprint == (self._fingerprint if same_place else self._fingerprint_at(directory))

    def _fingerprint_at(self, directory):
        """Returns the fingerprint of the same files in another directory."""
        here, there = os.path.join(self.directory, ""), os.path.join(directory, "")
        digest = hashlib.sha256()
        for path, label in zip(self.paths, self.labels):
            digest.update(f"{there}{path[len(here) :]}\0{label}\n".encode())
        return digest.hexdigest()

    def sample_sha256(self):
        """Returns a SHA-256 of the contents of some files, evenly spaced."""
        return self._sample

    @functools.cached_property
    def _sample(self):
        count = min(_SAMPLED_FILES, self.num_examples)
        lines = []
        for index in range(count):
            try:
                lines.append(hashing.file_sha256(self.paths[index * self.num_examples // count]))
            except tf.errors.OpError:
                lines.append("unreadable")  # the check of all images names this one
        return hashlib.sha256("".join(lines).encode()).hexdigest()

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


class _Listing:
    """Paths, labels and class names (None without sub-folders) of the images in a folder."""

    def __init__(self, directory):
        if not tf.io.gfile.isdir(directory):
            raise DataError(f"there is no folder {listing.absolute(directory)}")
        self._repeated, self._unreadable, self._mixed = [], [], []
        self._root = files.real_path(directory)
        flat, folders = self._list(directory)
        folders = list(self._new(folders, {self._root}))
        with concurrent.futures.ThreadPoolExecutor(_LISTING_THREADS) as pool:
            found = list(pool.map(self._list_class, folders))
        if not flat and not any(found):
            kinds = ", ".join(_EXTENSIONS)
            where = listing.absolute(directory)
            raise DataError(f"no images ({kinds}) in {where} or its sub-folders")
        if not any(found):
            self.paths, self.labels, self.class_names = flat, [0] * len(flat), None
        else:
            _check_classes(directory, flat, folders, found)
            self.paths = [path for paths in found for path in paths]
            self.labels = [label for label, paths in enumerate(found) for _ in paths]
            self.class_names = tuple(os.path.basename(folder) for folder in folders)
        _check_webp(self.paths)

    def _list_class(self, folder):
        return self._list_below(folder, {self._root, files.real_path(folder)})

    def _list_below(self, folder, visited):
        images, folders = self._list(folder)
        if len(listing.split_names(map(os.path.basename, folders))) > 1:
            self._mixed.append(folder)
        for inner in self._new(folders, visited):
            visited.add(files.real_path(inner))
            images += self._list_below(inner, visited)
        return images

    def _new(self, folders, visited):
        """Yields folders whose real path is not in a set, so that circles of links end."""
        for folder in folders:
            if files.real_path(folder) in visited:
                self._repeated.append(folder)
            else:
                yield folder

    def _list(self, folder):
        """Returns the images and the sub-folders directly in a folder, sorted."""
        images, folders = [], []
        for name in listing.list_names(folder):
            path = os.path.join(folder, name)
            extension = name.lower().rpartition(".")[2]
            if extension in _EXTENSIONS:
                images.append(path)
            elif tf.io.gfile.isdir(path):
                folders.append(path)
            elif extension in _OTHER_IMAGES:
                self._unreadable.append(path)
        return images, folders

    def warnings(self):
        """Returns one line for each kind of entry that a user may not expect."""
        lines = []
        if self._mixed:
            lines.append(f"the class folder {min(self._mixed)} mixes several splits")
        if self._repeated:
            lines.append(
                f"{len(self._repeated)} links to folders that are listed already are left out: "
                f"{min(self._repeated)}"
            )
        if self._unreadable:
            kinds = collections.Counter(p.lower().rpartition(".")[2] for p in self._unreadable)
            counts = ", ".join(f"{count} .{kind}" for kind, count in sorted(kinds.items()))
            lines.append(
                f"{len(self._unreadable)} images in formats that cannot be read are left out "
                f"({counts}), such as {min(self._unreadable)}"
            )
        return tuple(lines)


def _check_classes(directory, flat, folders, found):
    if flat:
        raise DataError(
            f"{directory} has images both in sub-folders and directly in it, such as {flat[0]}; "
            "move all images into class sub-folders, or all into one folder"
        )
    names = [os.path.basename(folder) for folder in folders]
    if len(listing.split_names(names)) == len(names):
        choices = " or ".join(f"--dataset=folder:{folder}" for folder in folders)
        raise DataError(
            f"the sub-folders of {directory} are splits, not classes: {', '.join(names)}; "
            f"use one of them, {choices}"
        )
    empty = [folder for folder, paths in zip(folders, found) if not paths]
    if empty:
        raise DataError(f"the class folder {empty[0]} has no images; remove it or fill it")


def _check_webp(paths):
    webp = [path for path in paths if path.lower().endswith(".webp")]
    if webp and not decoding.can_read_webp():
        raise DataError(f"TensorFlow {tf.__version__} cannot read WebP, such as {webp[0]}")
