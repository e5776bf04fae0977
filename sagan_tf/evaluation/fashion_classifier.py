"""A small classifier of Fashion-MNIST garments: scores need no download.

Its weights ship with the package. It was trained on Fashion-MNIST's 60,000 training images
(`train_classifier.py`); the images bundled for training GANs are the other 10,000.
"""

from __future__ import annotations

import os

import keras

from sagan_tf import weight_files
from sagan_tf.errors import EvaluationError, UserError
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
    nhwc = {"data_format": "channels_last"}  # whatever keras.json says
    for filters in (24, 48, 96):
        hidden = keras.layers.Conv2D(filters, 3, padding="same", activation="relu", **nhwc)(hidden)
        hidden = keras.layers.MaxPooling2D(**nhwc)(hidden)
    hidden = keras.layers.Dropout(0.4)(keras.layers.Flatten(**nhwc)(hidden))
    features = keras.layers.Dense(64, name="features")(hidden)
    logits = keras.layers.Dense(10, name="logits")(keras.layers.ReLU()(features))
    return keras.Model(images, {"features": features, "logits": logits})


def load(directory=BUNDLED):
    """The trained classifier as a `FeatureNetwork`, its file checked against its SHA-256.

    Raises:
        EvaluationError: the weights are missing or are not those that the card describes.
    """
    try:
        weights, card = weight_files.read(os.path.join(directory, NAME))
    except UserError as error:
        raise EvaluationError(f"the garment classifier: {error}") from error
    model = classifier()
    model.set_weights([weights[f"w{i}"] for i in range(len(weights))])
    return FeatureNetwork(
        lambda images: model(images, training=False),
        NAME,
        card["sha256"],
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
    weights = {f"w{i}": array for i, array in enumerate(model.get_weights())}
    weight_files.write(os.path.join(directory, NAME), weight_files.pack(weights, False), card)
