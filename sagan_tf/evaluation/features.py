"""Feature networks, which turn images into features and logits for scores."""

from __future__ import annotations

import os
from typing import NamedTuple

import keras
import tensorflow as tf

from sagan_tf import hashing
from sagan_tf.errors import EvaluationError, first_line

_ADVICE = "choose another one, or eval_every=none in training"


class Features(NamedTuple):
    """Feature vectors of images (n, d), and logits (n, classes) or None."""

    features: tf.Tensor
    logits: tf.Tensor | None


class FeatureNetwork:
    """A function from images to features, with the facts about it that records of scores name.

    Wrap your own function in it; the functions of this package that load networks return it.

    Args:
        function: takes float32 images (n, h, w, c) in [0, 255] and returns features (n, ...), or
            a dict with "features" and perhaps "logits". It must be traceable by `tf.function`.
        name: of the network, for records of scores.
        sha256: of the weights, in hexadecimal.
        preprocessing: description of what the function does to the images before the network.
        channels: 1 or 3; with 3, the channel of gray images is repeated.
        resolution: the only height and width that it takes, or None if it resizes.
        comparable: "yes" if its scores compare with published ones; "unverified" if only the
            user says so; else "no".
    """

    def __init__(
        self, function, name, sha256, preprocessing, channels=3, resolution=None, comparable="no"
    ):
        self.function = function
        self.name = name
        self.sha256 = sha256
        self.preprocessing = preprocessing
        self.channels = channels
        self.resolution = resolution
        self.comparable = comparable

    def check_images(self, image_shape):
        """Raises EvaluationError if the network does not take images of this (h, w, c)."""
        height, width, channels = image_shape
        if self.resolution is not None and (height, width) != (self.resolution, self.resolution):
            raise EvaluationError(
                f"feature network {self.name!r} takes images of {self.resolution}x"
                f"{self.resolution} pixels, not of {height}x{width}; {_ADVICE}"
            )
        if channels not in (1, self.channels):
            raise EvaluationError(
                f"feature network {self.name!r} takes images of {self.channels} channel"
                f"{'s' if self.channels > 1 else ''}, not of {channels}; {_ADVICE}"
            )

    def __call__(self, images):
        """Computes `Features` (float32) of uint8 images (n, h, w, c)."""
        images = tf.cast(images, tf.float32)
        if images.shape[-1] != self.channels:
            images = tf.image.grayscale_to_rgb(images)
        outputs = self.function(images)
        outputs = outputs if isinstance(outputs, dict) else {"features": outputs}
        features, logits = outputs["features"], outputs.get("logits")
        return Features(_flat(features), None if logits is None else _flat(logits))


def _flat(tensor):
    return tf.cast(tf.reshape(tensor, (tf.shape(tensor)[0], -1)), tf.float32)


def load_network(path):
    """Loads a user's network from a Keras file or SavedModel.

    Its scores compare only with each other. The network takes float32 images in [-1, 1]. It
    returns features (n, ...), or a dict with "features" and perhaps "logits". A SavedModel must be
    callable or have a signature `serving_default`.

    Args:
        path: a `.keras` file, or a SavedModel directory.

    Returns:
        A `FeatureNetwork`. If a `.keras` network has a fixed input size, images are resized to it
        (bilinear, anti-aliased).

    Raises:
        EvaluationError: the path has no network that loads here, or no function of one input.
    """
    path = path.rstrip("/")
    if not tf.io.gfile.exists(path):
        raise EvaluationError(
            f"feature_network={path!r} does not exist; it must be inception, garments, a .keras "
            "file or a SavedModel directory"
        )
    if tf.io.gfile.isdir(path):
        return _saved_model_network(path)
    try:
        model = keras.saving.load_model(path, compile=False)
    except (ValueError, OSError) as error:
        reason = first_line(error)
        raise EvaluationError(
            f"feature_network={path!r} is no Keras model that loads here: {reason}"
        ) from error
    return keras_network(model, os.path.basename(path), hashing.file_sha256(path))


def keras_network(model, name, sha256):
    """Makes a `FeatureNetwork` of a Keras model with the inputs and outputs of `load_network`.

    Args:
        model: takes float32 images in [-1, 1] of 1 or 3 channels.
        name: of the network, for records of scores.
        sha256: of its weights, in hexadecimal.
    """
    _, height, width, channels = model.input_shape
    steps = "pixels in [-1, 1]"
    if height is not None:
        steps += f", bilinear anti-aliased resize to {height}x{width}"

    def function(images):
        images = images / 127.5 - 1.0
        if height is not None and tuple(images.shape[1:3]) != (height, width):
            images = tf.image.resize(images, (height, width), antialias=True)
        return model(images, training=False)

    return FeatureNetwork(function, name, sha256, steps, channels)


def _saved_model_network(path):
    call = saved_model_function(path)
    return FeatureNetwork(
        lambda images: call(images / 127.5 - 1.0),
        os.path.basename(path),
        hashing.directory_sha256(path),
        "pixels in [-1, 1]",
    )


def saved_model_function(path):
    """Returns the function of a SavedModel that takes images: itself, or its `serving_default`.

    Raises:
        EvaluationError: the directory does not load, or has no function of one input.
    """
    try:
        model = tf.saved_model.load(path)
    except (OSError, ValueError) as error:
        reason = first_line(error)
        raise EvaluationError(f"{path} is no SavedModel that loads here: {reason}") from error
    if callable(model):
        return model
    signature = model.signatures.get("serving_default")
    if signature is None or len(signature.structured_input_signature[1]) != 1:
        raise EvaluationError(
            f"the SavedModel {path} cannot be called on images; it must be callable, or have a "
            "serving_default signature of one input"
        )
    (argument,) = signature.structured_input_signature[1]

    def call(images):
        outputs = signature(**{argument: images})
        return outputs if len(outputs) > 1 else next(iter(outputs.values()))

    # The signature lives as long as the object that it was loaded with.
    call.model = model
    return call
