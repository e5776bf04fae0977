"""Files and directories on any path that `tf.io.gfile` knows.

Files appear whole or not at all.
"""

from __future__ import annotations

import contextlib
import os
import re

import tensorflow as tf

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

from sagan_tf.errors import ConfigError, DataError, first_line


def write_whole(path, contents):
    """Writes bytes or text to `path`: a reader sees the old file or the whole new one."""
    path = os.fspath(path)
    temporary = f"{path}.tmp-{os.getpid()}"
    mode = "wb" if isinstance(contents, bytes) else "w"
    try:
        with tf.io.gfile.GFile(temporary, mode) as file:
            file.write(contents)
        tf.io.gfile.rename(temporary, path, overwrite=True)
    finally:
        if tf.io.gfile.exists(temporary):
            tf.io.gfile.remove(temporary)


@contextlib.contextmanager
def exclusive(directory):
    """Keeps other processes and threads out of the same block for a local directory.

    The kernel ends the lock with the process. Object stores, Windows, and network file systems
    that do not lock directories have no such lock: there the block runs without one.

    Args:
        directory: existing directory; any path that `tf.io.gfile` knows.
    """
    if fcntl is None or "://" in os.fspath(directory):
        yield
        return
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def read_text(path):
    """Returns the text of a file."""
    with tf.io.gfile.GFile(os.fspath(path), "r") as file:
        return file.read()


@contextlib.contextmanager
def writing(directory):
    """Raises DataError for errors of the file system inside, for instance of a full disk."""
    try:
        yield
    except (tf.errors.OpError, OSError) as error:
        raise DataError(f"{directory} cannot be written: {first_line(error)}") from error


def check_writable(argument, directory):
    """Checks, before long work, that files can be written to a directory.

    It writes an empty file to the directory, or to the nearest one above that exists, and removes
    it.

    Args:
        argument: name of the argument or flag, for the error.
        directory: any path that `tf.io.gfile` knows; it need not exist.

    Raises:
        ConfigError: it cannot be written, or a part of the path is a file.
    """
    place = os.fspath(directory) or "."
    while "://" not in place and not os.path.lexists(place):  # object stores need no directories
        place = os.path.dirname(place.rstrip("/")) or "."
    probe = os.path.join(place, f".write-test-{os.getpid()}")
    try:
        write_whole(probe, b"")
        tf.io.gfile.remove(probe)
    except (tf.errors.OpError, OSError) as error:
        is_file = os.path.lexists(place) and not os.path.isdir(place)
        reason = f"{place} is a file" if is_file else first_line(error)
        wanted = f"a directory that can be written ({reason})"
        raise ConfigError(argument, directory, wanted) from error


def check_file_writable(argument, path):
    """Checks, before long work, that a file can be written; see `check_writable`.

    Raises:
        ConfigError: it cannot be written, or it is a directory.
    """
    if tf.io.gfile.isdir(path):
        raise ConfigError(argument, path, "a file; it is a directory")
    try:
        check_writable(argument, os.path.dirname(path))
    except ConfigError as error:
        raise ConfigError(argument, path, f"in {error.allowed}") from error


def real_path(path):
    """Returns a path without symbolic links, which only local file systems have."""
    return path if "://" in path else os.path.realpath(path)


def expand_home(path):
    """Returns a path as text, with the home directory in place of a leading `~`."""
    return os.path.expanduser(os.fspath(path))


def exact_path(argument, path):
    """Returns `expand_home(path)`, unless TensorFlow would read the path as a pattern.

    TensorFlow lists and deletes all files that match the pattern: those of `v1` for `v[1]`. Only
    the path as the user typed it counts, not the name of the current directory.

    Args:
        argument: name of the argument or flag, for the error.
        path: the path.

    Raises:
        ConfigError: the path has one of `*`, `?`, `[`, `]` and the backslash.
    """
    path = expand_home(path)
    if set(path) & set("*?[]\\"):
        wanted = "a path without * ? [ ] and backslash: TensorFlow reads them as a pattern"
        raise ConfigError(argument, path, wanted)
    return path


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
