"""Files that appear whole or not at all, on any path that `tf.io.gfile` knows."""

import contextlib
import os

import tensorflow as tf

from sagan_tf.errors import ConfigError, DataError, first_line


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


@contextlib.contextmanager
def writing(directory):
    """Raises DataError for errors of the file system inside, for instance of a full disk."""
    try:
        yield
    except (tf.errors.OpError, OSError) as error:
        raise DataError(f"{directory} cannot be written: {first_line(error)}") from error


def real_path(path):
    """Returns a path without symbolic links, which only local file systems have."""
    return path if "://" in path else os.path.realpath(path)


def check_no_pattern(argument, path):
    """Refuses a path that TensorFlow would read as a pattern, and so take for other files.

    Raises:
        ConfigError: it holds one of `*`, `?`, `[`, `]` and the backslash.
    """
    if set(os.fspath(path)) & set("*?[]\\"):
        wanted = "a path without * ? [ ] and backslash: TensorFlow reads them as a pattern"
        raise ConfigError(argument, os.fspath(path), wanted)
