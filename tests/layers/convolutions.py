"""3x3 convolutions by their definition, and the outputs and gradients of any form of them."""

import numpy as np
import tensorflow as tf


def plain_convolution(images, kernel, direction=None):
    """The definition: doubling before, or averaging after, TensorFlow's convolution."""
    if direction == "up":
        images = tf.repeat(tf.repeat(images, 2, axis=1), 2, axis=2)
    outputs = tf.nn.conv2d(images, kernel, 1, "SAME")
    return tf.nn.avg_pool2d(outputs, 2, 2, "VALID") if direction == "down" else outputs


def outputs_and_gradients(convolution, images, kernel, eager=True):
    """Of a convolution, for a random gradient of the outputs."""

    def run(images, kernel):
        with tf.GradientTape() as tape:
            tape.watch((images, kernel))
            outputs = convolution(images, kernel)
        weights = np.random.default_rng(1).standard_normal(outputs.shape)
        gradients = tape.gradient(outputs, (images, kernel), tf.constant(weights, outputs.dtype))
        return outputs, *gradients

    return (run if eager else tf.function(run))(images, kernel)
