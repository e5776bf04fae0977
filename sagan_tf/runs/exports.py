"""Version directories of an export, as TensorFlow Serving numbers them."""

from __future__ import annotations

import os

import tensorflow as tf


def version_directories(export_dir):
    """Returns {number: path} of the versions in a directory, in ascending order.

    Args:
        export_dir: a directory of versions; without it there are none.
    """
    if not tf.io.gfile.isdir(export_dir):
        return {}
    names = [name.rstrip("/") for name in tf.io.gfile.listdir(export_dir)]
    numbered = sorted((int(name), name) for name in names if name.isascii() and name.isdigit())
    paths = {number: os.path.join(export_dir, name) for number, name in numbered}
    return {number: path for number, path in paths.items() if tf.io.gfile.isdir(path)}
