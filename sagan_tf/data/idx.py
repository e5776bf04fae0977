"""Reads IDX files, the format of MNIST and Fashion-MNIST."""

from __future__ import annotations

import gzip
import os

import numpy as np
import tensorflow as tf

from sagan_tf.errors import DataError

_UINT8 = 8


def read_directory(directory, prefix):
    """Images and labels of one split.

    Args:
        directory: holds `<prefix>-images-idx3-ubyte` and `<prefix>-labels-idx1-ubyte`, plain or
            with `.gz`.
        prefix: "train" or "t10k".

    Returns:
        images uint8 (n, h, w), labels int32 (n,).

    Raises:
        DataError: a file is missing, damaged, or the two disagree about n.
    """
    images = _read(directory, f"{prefix}-images-idx3-ubyte", dimensions=3)
    labels = _read(directory, f"{prefix}-labels-idx1-ubyte", dimensions=1)
    if len(images) != len(labels):
        raise DataError(f"{directory} has {len(images)} {prefix} images but {len(labels)} labels")
    return images, labels.astype(np.int32)


def _read(directory, name, dimensions):
    """The uint8 array in an IDX file (http://yann.lecun.com/exdb/mnist, at the end)."""
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
        if tuple(content[:4]) != (0, 0, _UINT8, dimensions):
            raise ValueError(f"its first bytes are {content[:4].hex()}")
        shape = np.frombuffer(content[4:header], ">u4")
        return np.frombuffer(content[header:], np.uint8).reshape(shape)
    except (OSError, EOFError, ValueError) as error:
        raise DataError(
            f"{found[0]} is not a whole IDX file of {dimensions} dimensions: {error}"
        ) from error
