"""SHA-256 of files, directories and settings, which identify the inputs of a score."""

from __future__ import annotations

import hashlib
import json
import os

import tensorflow as tf

from sagan_tf import files

_CHUNK = 2**20


def bytes_sha256(content):
    """Returns the SHA-256 of bytes, in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def file_sha256(path):
    """Returns the SHA-256 of a file's content, in hexadecimal."""
    digest = hashlib.sha256()
    with tf.io.gfile.GFile(path, "rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def directory_sha256(path):
    """SHA-256 of the sorted lines `<relative path> <file's SHA-256>` of all files in it.

    A folder that several symbolic links lead to counts once, so a circle of links ends.
    """
    lines, visited = [], {files.real_path(path)}
    for directory, folders, names in tf.io.gfile.walk(path):
        places = {name: files.real_path(os.path.join(directory, name)) for name in folders}
        folders[:] = [name for name in folders if places[name] not in visited]
        visited.update(places.values())
        for name in names:
            file = os.path.join(directory, name)
            lines.append(f"{os.path.relpath(file, path)} {file_sha256(file)}\n")
    return hashlib.sha256("".join(sorted(lines)).encode()).hexdigest()


def settings_sha256(settings):
    """Returns the SHA-256 of a dict of JSON values, for any order of its keys."""
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()
