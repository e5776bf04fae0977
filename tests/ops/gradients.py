"""Outputs and gradients of an operation."""

import numpy as np
import tensorflow as tf


def outputs_and_gradients(function, *operands, eager=True):
    """The first output of `function`, and its gradients, for a random gradient of the output."""

    def run(*operands):
        with tf.GradientTape() as tape:
            tape.watch(operands)
            outputs = tf.nest.flatten(function(*operands))[0]
        weights = np.random.default_rng(1).standard_normal(outputs.shape)
        gradients = tape.gradient(outputs, operands, tf.constant(weights, outputs.dtype))
        return outputs, *gradients

    return (run if eager else tf.function(run))(*operands)


def check_equal(some, others, rtol=1e-4, atol=1e-4):
    """Compares tensors pairwise, each in units of its standard deviation."""
    assert len(some) == len(others)
    for one, other in zip(some, others):
        assert one.dtype == other.dtype and one.shape == other.shape
        one, other = (np.asarray(tf.cast(tensor, tf.float32)) for tensor in (one, other))
        scale = np.std(other) or 1.0
        np.testing.assert_allclose(one / scale, other / scale, rtol=rtol, atol=atol)
