"""Weights in a pair of files: `NAME.npz`, and `NAME.json`, a card with their SHA-256."""

from __future__ import annotations

import io
import json
import os

import numpy as np
import tensorflow as tf

from sagan_tf import files, hashing
from sagan_tf.errors import UserError


def pack(arrays, compress=True):
    """Returns a dict of NumPy arrays as the bytes of an `npz` file."""
    buffer = io.BytesIO()
    (np.savez_compressed if compress else np.savez)(buffer, **arrays)
    return buffer.getvalue()


def unpack(content):
    """Returns the dict of NumPy arrays in the bytes of an `npz` file."""
    with np.load(io.BytesIO(content)) as arrays:
        return dict(arrays)


def write(stem, content, card):
    """Writes `<stem>.npz` and then `<stem>.json`, each whole.

    Args:
        stem: path of the pair without extension.
        content: the bytes of the `npz` file.
        card: dict of JSON values, without the SHA-256.

    Returns:
        The card with the SHA-256.
    """
    card = {**card, "sha256": hashing.bytes_sha256(content)}
    tf.io.gfile.makedirs(os.path.dirname(stem))
    files.write_whole(f"{stem}.npz", content)
    files.write_whole(f"{stem}.json", json.dumps(card, indent=2) + "\n")
    return card


def read(stem):
    """Returns the arrays and the card of a pair.

    Raises:
        UserError: a file is missing, or the weights do not have the SHA-256 of the card.
    """
    try:
        card = json.loads(files.read_text(f"{stem}.json"))
        with tf.io.gfile.GFile(f"{stem}.npz", "rb") as file:
            content = file.read()
    except tf.errors.NotFoundError as error:
        raise UserError(f"weights are not installed: {error.message}") from error
    actual = hashing.bytes_sha256(content)
    if actual != card["sha256"]:
        raise UserError(f"{stem}.npz has sha256 {actual}, not {card['sha256']}: it is damaged")
    return unpack(content), card
