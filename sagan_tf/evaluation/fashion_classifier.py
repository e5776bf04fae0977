"""Classifier of Fashion-MNIST garments: a small feature network that needs no download.

Its weights come with the package. `train_classifier.py` trained it on Fashion-MNIST's 60,000
training images. The images that come with the package, for GANs, are the other 10,000.
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
    """Makes the network with initial weights: images in [0, 255] to features (64), logits (10).

    Features are the values before the relu. None of them is constant, so their covariance matrix
    is regular.
    """
    images = keras.Input((RESOLUTION, RESOLUTION, 1))
    hidden = keras.layers.Rescaling(1 / 127.5, offset=-1.0)(images)
    nhwc = {"data_format": "channels_last"}  # keras.json may say channels_first
    for filters in (24, 48, 96):
        hidden = keras.layers.Conv2D(filters, 3, padding="same", activation="relu", **nhwc)(hidden)
        hidden = keras.layers.MaxPooling2D(**nhwc)(hidden)
    hidden = keras.layers.Dropout(0.4)(keras.layers.Flatten(**nhwc)(hidden))
    features = keras.layers.Dense(64, name="features")(hidden)
    logits = keras.layers.Dense(10, name="logits")(keras.layers.ReLU()(features))
    return keras.Model(images, {"features": features, "logits": logits})


def load(directory=BUNDLED):
    """Loads the trained classifier as a `FeatureNetwork`, after a check of the file's SHA-256.

    Raises:
        EvaluationError: the weights are missing, or their SHA-256 is not that of the card.
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
    """Writes weights and card, which `load` reads.

    Args:
        model: a trained `classifier()`.
        directory: of the files; existing ones are replaced, the card last.
        card: dict of JSON values, to which the weights' SHA-256 is added.
    """
    weights = {f"w{i}": array for i, array in enumerate(model.get_weights())}
    weight_files.write(os.path.join(directory, NAME), weight_files.pack(weights, False), card)
