"""Numbered version directories: complete before a server can see them, never touched again."""

from __future__ import annotations

import contextlib
import os
import tempfile

import tensorflow as tf

from sagan_tf import files
from sagan_tf.errors import ConfigError, ExportError, first_line

# A SavedModel without it does not load, so where nothing can be renamed it arrives last.
_LAST_FILE = "saved_model.pb"


def existing(export_dir):
    """Numbers of the versions in a directory, ascending: what TensorFlow Serving would see."""
    if not tf.io.gfile.isdir(export_dir):
        return []
    names = [name.rstrip("/") for name in tf.io.gfile.listdir(export_dir)]
    return sorted(int(name) for name in names if name.isdigit())


def choose(export_dir, version=None):
    """The number of a new version: `version`, or one more than the highest there is.

    Raises:
        ConfigError: `export_dir` is a pattern, or `version` is not a positive whole number.
        ExportError: the version exists.
    """
    files.check_no_pattern("export_dir", export_dir)
    there = existing(export_dir)
    if version is None:
        return max(there, default=0) + 1
    if isinstance(version, bool) or not isinstance(version, int) or version < 1:
        raise ConfigError("version", version, "a whole number above 0")
    if version in there:
        raise _exists(export_dir, version)
    return version


@contextlib.contextmanager
def publish(export_dir, version):
    """Gives a directory to write to; if the block ends well, it becomes the version.

    On file systems the directory is a sibling whose name is no number, renamed at the end. On
    object stores, where renaming copies file by file, it is local, and is copied with
    `saved_model.pb` last. A process that is killed leaves no version that loads incompletely.

    Args:
        export_dir: directory of the versions; it is made if need be.
        version: number from `choose`.

    Raises:
        ExportError: the directory cannot be written, or the version appeared in the meantime.
    """
    target = os.path.join(export_dir, str(version))
    is_object_store = "://" in export_dir
    try:
        tf.io.gfile.makedirs(export_dir)
        parent = tempfile.gettempdir() if is_object_store else export_dir
        aside = tempfile.mkdtemp(prefix=f"incomplete-{version}-", dir=parent)
    except (tf.errors.OpError, OSError) as error:
        raise _unwritable(export_dir, error) from error
    try:
        yield aside
        if version in existing(export_dir):
            raise _exists(export_dir, version)
        try:
            _copy(aside, target) if is_object_store else _rename(aside, target)
        except (tf.errors.OpError, OSError) as error:
            raise _unwritable(export_dir, error) from error
    finally:
        if tf.io.gfile.exists(aside):
            tf.io.gfile.rmtree(aside)


def _rename(source, target):
    os.chmod(source, 0o755)  # a temporary directory is its owner's alone; the server is another
    os.rename(source, target)  # fails if another export made the target meanwhile


def _copy(source, target):
    paths = [
        os.path.relpath(os.path.join(directory, name), source)
        for directory, _, names in tf.io.gfile.walk(source)
        for name in names
    ]
    for path in sorted(paths, key=lambda path: path == _LAST_FILE):
        tf.io.gfile.makedirs(os.path.dirname(os.path.join(target, path)))
        tf.io.gfile.copy(os.path.join(source, path), os.path.join(target, path))


def _exists(export_dir, version):
    return ExportError(
        f"version={version} exists in {export_dir} and is never overwritten; leave --version out "
        "for the next free one"
    )


def _unwritable(export_dir, error):
    reason = first_line(error)
    return ExportError(f"export_dir={export_dir} cannot be written: {reason}")
