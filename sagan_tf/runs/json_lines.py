"""Files of JSON lines, as a run writes them: metrics and scores."""

from __future__ import annotations

import json
import warnings

import tensorflow as tf


def read(path, names=()):
    """Returns the JSON objects in a file, one a line; none without a file.

    A killed process, a full disk or an editor may leave empty and half lines. Empty lines are left
    out. A warning names the file and number of each other line that is not a whole record.

    Args:
        path: of the file.
        names: those that every record has.
    """
    if not tf.io.gfile.exists(path):
        return []
    result = []
    for number, line in enumerate(read_text(path).splitlines(), 1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except ValueError:
            value = None
        if isinstance(value, dict) and value.keys() >= set(names):
            result.append(value)
        else:
            warnings.warn(
                f"{path}: line {number} is not a whole record; it is left out", stacklevel=2
            )
    return result


def read_text(path):
    """Returns the text of a file; bytes that are not UTF-8 become a replacement character."""
    with tf.io.gfile.GFile(path, "rb") as file:
        return file.read().decode(errors="replace")
