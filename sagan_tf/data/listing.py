"""Listing of data directories: names that are text, folders that hold data, no folder twice."""

from __future__ import annotations

import os
import re

import tensorflow as tf

from sagan_tf.errors import DataError, first_line

# Folders of operating systems and storage devices, in lower case. Hidden ones begin with a dot.
_SYSTEM_FOLDERS = {
    "__macosx",
    "__pycache__",
    "lost+found",
    "@eadir",
    "#recycle",
    "@recycle",
    "$recycle.bin",
    "system volume information",
}
_SPLIT = re.compile(
    "(train(ing)?|val(id(ation)?)?|dev(el(opment)?)?|test(ing)?|eval(uation)?|holdout)"
    "[-_ ]?(set|split|data|images)?[-_ ]?[0-9]*",
    re.IGNORECASE,
)


def check_text(argument, path):
    """Raises DataError unless a path is UTF-8 text, the only names that TensorFlow takes."""
    try:
        path.encode()
    except UnicodeEncodeError as error:
        raise DataError(f"{argument} {path!r} is not UTF-8; rename the file or folder") from error


def list_names(directory):
    """Lists the names in a directory, sorted, without hidden files and system folders.

    Raises:
        DataError: the directory cannot be read, or a name in it is not UTF-8.
    """
    try:
        names = tf.io.gfile.listdir(directory)
    except UnicodeDecodeError as error:
        raise DataError(
            f"{directory} has the name {error.object!r}, which is not UTF-8; rename it"
        ) from error
    except tf.errors.OpError as error:
        raise DataError(f"{directory} cannot be listed: {first_line(error)}") from error
    # Buckets list folders with a "/". It counts in the order, which the labels depend on.
    names = [name.rstrip("/") for name in sorted(names)]
    return [name for name in names if not _is_system_name(name)]


def _is_system_name(name):
    return name.startswith(".") or name.lower() in _SYSTEM_FOLDERS


def absolute(path):
    """Returns the absolute form of a path, for messages."""
    return path if "://" in path else os.path.abspath(path)


def split_names(names):
    """Returns those names of folders or classes that are names of splits, such as "train"."""
    return [name for name in names or () if _SPLIT.fullmatch(name)]
