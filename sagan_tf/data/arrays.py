"""Images in memory: `ArraySource`, IDX files of MNIST, and decoded copies of other sources."""

from __future__ import annotations

import gzip
import hashlib
import math
import os
import pathlib
import weakref

import numpy as np
import tensorflow as tf
import tqdm

from sagan_tf.data import loading, preprocessing
from sagan_tf.data.source import RandomAccessSource
from sagan_tf.errors import ConfigError, DataError

_MAX_CACHE_FRACTION = 0.5  # of the machine's memory
_SYSTEM = pathlib.Path("/")
_IDX_UINT8 = 8  # the code of the element type in an IDX header
_IDX_SIDE = 32  # smaller IDX images get a black border up to this size
# The decoded copy of each source, so that a run decodes its images once.
_IN_MEMORY = weakref.WeakKeyDictionary()


class ArraySource(RandomAccessSource):
    """Decoded images and their labels in memory; a batch is one gather.

    Args:
        images: uint8 (n, resolution, resolution, channels).
        labels: int (n,).
        class_names: tuple of str, or None.
        has_labels: False if the labels have no meaning.
    """

    def __init__(self, images, labels, class_names, has_labels=True):
        self.images = images
        self.labels = np.asarray(labels, np.int32)
        self.class_names = class_names
        self.has_labels = has_labels
        self.num_examples = len(images)

    @classmethod
    def from_idx(cls, directory, prefix, class_names, config):
        """Reads one split in the format of MNIST, padded and resized as `config` asks.

        Args:
            directory: holds `<prefix>-images-idx3-ubyte` and `<prefix>-labels-idx1-ubyte`, plain
                or with `.gz`.
            prefix: "train" or "t10k".
            class_names: tuple of str, or None.
            config: ExperimentConfig.

        Raises:
            DataError: a file is missing or damaged, or the files have different lengths.
        """
        images, labels = _read_idx_split(directory, prefix)
        images = preprocessing.pad_to_square(images[..., None], _IDX_SIDE)
        images = preprocessing.resize(images, config.resolution)
        images = preprocessing.convert_channels(images, config.channels)
        return cls(images.numpy(), labels, class_names)

    def fingerprint(self):
        """Returns a text that changes with any pixel or label."""
        digest = hashlib.sha256(np.ascontiguousarray(self.images))
        digest.update(self.labels.tobytes())
        return digest.hexdigest()

    def known_histogram(self):
        """Returns {label: number of images}; nothing has to be decoded."""
        labels, counts = np.unique(self.labels, return_counts=True)
        return dict(zip(labels.tolist(), counts.tolist()))

    def batches(self, index_batches):
        """Returns the images and labels of each batch of indices; see `RandomAccessSource`."""
        images, labels = tf.constant(self.images), tf.constant(self.labels)
        return index_batches.map(lambda i: (tf.gather(images, i), tf.gather(labels, i)))

    def examples(self, order=None):
        """Yields one `loading.Example` for each image; see `Source`."""
        size = self.images.shape[1:3]
        for index in range(self.num_examples) if order is None else order:
            image = self.images[index]
            name = f"image {index}"
            yield loading.Example(name, int(self.labels[index]), lambda i=image: (i, size))


def in_memory(source, config):
    """Decodes all images of a source into memory; a source is decoded once.

    Args:
        source: `Source`.
        config: ExperimentConfig that the source was opened with.

    Returns:
        `ArraySource`.

    Raises:
        ConfigError: the images would take more than half of the memory of the machine, or of the
            container that the process runs in.
        DataError: an image cannot be read; the message names it.
    """
    if isinstance(source, ArraySource):
        return source
    if source not in _IN_MEMORY:
        _IN_MEMORY[source] = _decode_all(source, config)
    return _IN_MEMORY[source]


def _decode_all(source, config):
    shape = (source.num_examples, config.resolution, config.resolution, config.channels)
    _check_memory(int(np.prod(shape, dtype=np.int64)))
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


def _check_memory(num_bytes):
    allowed = _MAX_CACHE_FRACTION * _machine_memory()
    if num_bytes > allowed:
        raise ConfigError(
            "cache_in_memory",
            True,
            f"False here: the images take {num_bytes / 2**30:.1f} GiB, and at most "
            f"{allowed / 2**30:.1f} GiB, half of the memory of this machine or container, "
            "may be used",
        )


def _machine_memory():
    """Returns the bytes of memory of this machine, or of the container if it may use less."""
    return min(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"), *_container_limits())


def _container_limits():
    """Yields the memory limits of the control groups of this process (Linux), in bytes.

    A container sees its own group as the root. Outside of containers, `/proc/self/cgroup` names
    the group, and the groups above it have limits too.
    """
    yield math.inf
    for line in _read_lines(_SYSTEM / "proc/self/cgroup"):
        _, controllers, group = line.split(":", 2)
        if controllers == "":  # version 2
            root, name = _SYSTEM / "sys/fs/cgroup", "memory.max"
        elif "memory" in controllers.split(","):
            root, name = _SYSTEM / "sys/fs/cgroup/memory", "memory.limit_in_bytes"
        else:
            continue
        place = root / group.lstrip("/")
        for directory in (place, *place.parents):
            for limit in _read_lines(directory / name):
                if limit.isdigit():
                    yield int(limit)


def _read_lines(path):
    """Returns the lines of a file of the operating system; none if it does not exist."""
    try:
        return path.read_text().splitlines()
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return []


def _read_idx_split(directory, prefix):
    """Returns images uint8 (n, h, w) and labels uint8 (n,)."""
    images = _read_idx(directory, f"{prefix}-images-idx3-ubyte", dimensions=3)
    labels = _read_idx(directory, f"{prefix}-labels-idx1-ubyte", dimensions=1)
    if len(images) != len(labels):
        raise DataError(f"{directory} has {len(images)} {prefix} images but {len(labels)} labels")
    return images, labels


def _read_idx(directory, name, dimensions):
    """Returns the uint8 array in an IDX file (http://yann.lecun.com/exdb/mnist, at the end)."""
    path = os.path.join(directory, name)
    found = [p for p in (path, path + ".gz") if tf.io.gfile.exists(p)]
    if not found:
        raise DataError(f"there is no {path} and no {path}.gz")
    with tf.io.gfile.GFile(found[0], "rb") as file:
        content = file.read()
    try:
        if content[:2] == b"\x1f\x8b":
            content = gzip.decompress(content)
        header = 4 + 4 * dimensions
        if tuple(content[:4]) != (0, 0, _IDX_UINT8, dimensions):
            raise ValueError(f"its first bytes are {content[:4].hex()}")
        shape = np.frombuffer(content[4:header], ">u4")
        return np.frombuffer(content[header:], np.uint8).reshape(shape)
    except (OSError, EOFError, ValueError) as error:
        raise DataError(
            f"{found[0]} is not a whole IDX file of {dimensions} dimensions: {error}"
        ) from error
