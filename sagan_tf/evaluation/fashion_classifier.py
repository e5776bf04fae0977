"""A small classifier of Fashion-MNIST garments: scores need no download.

Its weights ship with the package. It was trained on Fashion-MNIST's 60,000 training images
(`train_classifier.py`); the images bundled for training GANs are the other 10,000.
"""

from __future__ import annotations

import io
import json
import os

import keras
import numpy as np
import tensorflow as tf

from sagan_tf import files, hashing
from sagan_tf.errors import EvaluationError
from sagan_tf.evaluation.features import FeatureNetwork

NAME = "garments"
RESOLUTION = 32
BUNDLED = os.path.join(os.path.dirname(__file__), "bundled")


def classifier():
    """The network with fresh weights: uint8-valued images to features (64) and logits (10).

    The features are taken before their relu: none is ever constant, so their covariance is
    regular.
    """
    images = keras.Input((RESOLUTION, RESOLUTION, 1))
    hidden = keras.layers.Rescaling(1 / 127.5, offset=-1.0)(images)
    for filters in (24, 48, 96):
        hidden = keras.layers.Conv2D(filters, 3, padding="same", activation="relu")(hidden)
        hidden = keras.layers.MaxPooling2D()(hidden)
    hidden = keras.layers.Dropout(0.4)(keras.layers.Flatten()(hidden))
    features = keras.layers.Dense(64, name="features")(hidden)
    logits = keras.layers.Dense(10, name="logits")(keras.layers.ReLU()(features))
    return keras.Model(images, {"features": features, "logits": logits})


def load(directory=BUNDLED):
    """The trained classifier as a `FeatureNetwork`, its file checked against its SHA-256.

    Raises:
        EvaluationError: the weights are missing or are not those that the card describes.
    """
    card_path = os.path.join(directory, "garments.json")
    weights_path = os.path.join(directory, "garments.npz")
    try:
        card = json.loads(files.read_text(card_path))
        with tf.io.gfile.GFile(weights_path, "rb") as file:
            content = file.read()
    except tf.errors.NotFoundError as error:
        raise EvaluationError(
            f"the garment classifier is not installed: {error.message}"
        ) from error
    actual = hashing.bytes_sha256(content)
    if actual != card["sha256"]:
        raise EvaluationError(
            f"{weights_path} has sha256 {actual}, not {card['sha256']}: it is damaged"
        )
    model = classifier()
    with np.load(io.BytesIO(content)) as weights:
        model.set_weights([weights[f"w{i}"] for i in range(len(weights.files))])
    return FeatureNetwork(
        lambda images: model(images, training=False),
        NAME,
        actual,
        "pixels in [-1, 1], no resize",
        channels=1,
        resolution=RESOLUTION,
    )


def save(model, directory, card):
    """Writes weights and card; `load` reads them.

    Args:
        model: a trained `classifier()`.
        directory: existing files in it are replaced, the card last.
        card: dict of JSON values, to which the weights' SHA-256 is added.
    """
    tf.io.gfile.makedirs(directory)
    buffer = io.BytesIO()
    np.savez(buffer, **{f"w{i}": array for i, array in enumerate(model.get_weights())})
    weights = buffer.getvalue()
    card = {**card, "sha256": hashing.bytes_sha256(weights)}
    files.write_whole(os.path.join(directory, "garments.npz"), weights)
    files.write_whole(os.path.join(directory, "garments.json"), json.dumps(card, indent=2) + "\n")
