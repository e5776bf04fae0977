"""Files and directories on any path that `tf.io.gfile` knows.

Files appear whole or not at all.
"""

from __future__ import annotations

import os
import re

import tensorflow as tf

from sagan_tf.errors import ConfigError


def write_whole(path, contents):
    """Writes bytes or text beside `path`, then renames: a reader never sees half a file."""
    path = os.fspath(path)
    beside = f"{path}.tmp-{os.getpid()}"
    mode = "wb" if isinstance(contents, bytes) else "w"
    try:
        with tf.io.gfile.GFile(beside, mode) as file:
            file.write(contents)
        tf.io.gfile.rename(beside, path, overwrite=True)
    finally:
        if tf.io.gfile.exists(beside):
            tf.io.gfile.remove(beside)


def read_text(path):
    """The text of a file."""
    with tf.io.gfile.GFile(os.fspath(path), "r") as file:
        return file.read()


def check_no_pattern(argument, path):
    """Refuses a path that TensorFlow would read as a pattern, and so take for other files.

    Raises:
        ConfigError: it holds one of `*`, `?`, `[`, `]` and the backslash.
    """
    if set(os.fspath(path)) & set("*?[]\\"):
        wanted = "a path without * ? [ ] and backslash: TensorFlow reads them as a pattern"
        raise ConfigError(argument, os.fspath(path), wanted)


def numbered_directories(path):
    """Returns the directories in `path` whose names are numbers, as TensorFlow Serving reads them.

    `00000001` counts as 1. A file `7` does not count, nor do digits of other scripts.

    Returns:
        {number: name}, in ascending order; a plain `1` comes before `00000001`.
    """
    if not tf.io.gfile.isdir(path):
        return {}
    names = [name.rstrip("/") for name in tf.io.gfile.listdir(path)]
    names = [name for name in names if re.fullmatch("[0-9]+", name)]
    found = {
        int(name): name
        for name in sorted(names, key=len, reverse=True)
        if tf.io.gfile.isdir(os.path.join(path, name))
    }
    return dict(sorted(found.items()))
