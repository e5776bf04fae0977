"""Classifier of Fashion-MNIST garments: a small feature network that needs no download.

Its weights come with the package. `train_classifier.py` trained it on Fashion-MNIST's 60,000
training images. The images that come with the package, for GANs, are the other 10,000.
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
    """Makes the network with initial weights: images in [0, 255] to features (64), logits (10).

    Features are the values before the relu. None of them is constant, so their covariance matrix
    is regular.
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
    """Loads the trained classifier as a `FeatureNetwork`, after a check of the file's SHA-256.

    Raises:
        EvaluationError: the weights are missing, or their SHA-256 is not that of the card.
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
    """Writes weights and card, which `load` reads.

    Args:
        model: a trained `classifier()`.
        directory: of the files; existing ones are replaced, the card last.
        card: dict of JSON values, to which the weights' SHA-256 is added.
    """
    tf.io.gfile.makedirs(directory)
    buffer = io.BytesIO()
    np.savez(buffer, **{f"w{i}": array for i, array in enumerate(model.get_weights())})
    weights = buffer.getvalue()
    card = {**card, "sha256": hashing.bytes_sha256(weights)}
    files.write_whole(os.path.join(directory, "garments.npz"), weights)
    files.write_whole(os.path.join(directory, "garments.json"), json.dumps(card, indent=2) + "\n")
