"""Numbered version directories, which are complete before a server sees them and never change."""

from __future__ import annotations

import contextlib
import numbers
import os
import stat
import tempfile
import warnings

import tensorflow as tf

from sagan_tf import files
from sagan_tf.errors import ConfigError, ExportError, first_line

# A SavedModel does not load without this file, so object stores get it last.
_LAST_FILE = "saved_model.pb"


def existing(export_dir):
    """Returns the numbers of the versions that TensorFlow Serving finds, in ascending order."""
    return list(files.numbered_directories(export_dir))


def choose(export_dir, version=None):
    """Returns the number of a new version: `version`, or one more than the highest there is.

    Raises:
        ConfigError: `export_dir` is a pattern, or `version` is not a positive whole number.
        ExportError: the version exists, or a file has its name.
    """
    export_dir = files.exact_path("export_dir", export_dir)
    there = existing(export_dir)
    if version is None:
        version = max(there, default=0) + 1
        while tf.io.gfile.exists(os.path.join(export_dir, str(version))):
            version += 1
        return version
    if isinstance(version, bool) or not isinstance(version, numbers.Integral) or version < 1:
        raise ConfigError("version", version, "a whole number above 0")
    if version in there or tf.io.gfile.exists(os.path.join(export_dir, str(version))):
        raise _exists(export_dir, version)
    return int(version)


@contextlib.contextmanager
def publish(export_dir, version):
    """Yields a directory to write to, which becomes the version when the block ends well.

    On file systems the directory is a sibling of the version, and is renamed at the end. Object
    stores rename file by file, so there the directory is local, and is copied with
    `saved_model.pb` last. A killed process leaves no version that loads incompletely.

    Args:
        export_dir: directory of the versions; it is created where it is missing.
        version: number from `choose`.

    Raises:
        ExportError: the directory cannot be written, or another process made the version.
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
    os.chmod(source, 0o755)  # only its owner may read a temporary directory
    os.rename(source, target)  # fails if another export made the target meanwhile
    _warn_of_unreadable_files(target)


def _warn_of_unreadable_files(version_path):
    """Warns where the umask keeps the files from the server, which runs as another user."""
    wanted = {stat.S_IFDIR: stat.S_IROTH | stat.S_IXOTH, stat.S_IFREG: stat.S_IROTH}
    for directory, _, names in os.walk(version_path):
        for path in (directory, *(os.path.join(directory, name) for name in names)):
            mode = os.stat(path).st_mode
            if ~mode & wanted.get(stat.S_IFMT(mode), 0):
                warnings.warn(
                    f"other users cannot read {path}: a model server of another user needs "
                    f"`chmod -R a+rX {version_path}`",
                    stacklevel=2,
                )
                return


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
