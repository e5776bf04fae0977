"""What TensorFlow Addons computes: one power iteration, and an averaged model."""

import numpy as np
import pytest
import tensorflow as tf

import sagan_tf
from sagan_tf.layers import SpectralConv2D
from sagan_tf.models.optimizers import MovingAverage

tfa = pytest.importorskip(
    "tensorflow_addons", reason="TensorFlow Addons imports on TensorFlow 2.15 only: make test-tf215"
)


@pytest.fixture
def wrapped():
    """A convolution that TensorFlow Addons normalizes, and ours with the same kernel and `u`."""
    tf.keras.utils.set_random_seed(3)
    theirs = tfa.layers.SpectralNormalization(tf.keras.layers.Conv2D(6, 3, use_bias=False))
    theirs.build((None, 8, 8, 4))
    ours = SpectralConv2D(6, 3, use_bias=False)
    ours.build((None, 8, 8, 4))
    ours.kernel.assign(theirs.layer.kernel)
    ours.u.assign(theirs.u[0])
    return theirs, ours


def test_one_iteration_from_the_same_u_gives_the_same_kernel(wrapped):
    theirs, ours = wrapped
    images = np.random.default_rng(0).standard_normal((2, 8, 8, 4)).astype("f4")
    raw = ours.kernel.numpy()
    np.testing.assert_allclose(
        ours(images, training=True), theirs(images, training=True), atol=1e-5
    )
    np.testing.assert_allclose(ours.u, theirs.u[0], atol=1e-5)
    # Theirs is a projection: the kernel itself is overwritten. Ours keeps it.
    np.testing.assert_array_equal(ours.kernel, raw)
    assert np.abs(theirs.layer.kernel.numpy() - raw).max() > 1e-2


def test_gradients_differ_by_what_flows_through_sigma(wrapped):
    """Theirs is the gradient with respect to the normalized kernel W / sigma, taken for W's.

    Ours is (theirs - <theirs, W / sigma> u v^T) / sigma (Miyato et al., equation 12).
    """
    theirs, ours = wrapped
    rng = np.random.default_rng(1)
    images = rng.standard_normal((2, 8, 8, 4)).astype("f4")
    weights = rng.standard_normal((2, 6, 6, 6)).astype("f4")
    raw, sigma, u = ours.kernel.numpy().reshape(-1, 6), float(ours.sigma()), ours.u.numpy()
    gradients = []
    for layer, kernel in ((theirs, theirs.layer.kernel), (ours, ours.kernel)):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(weights * layer(images, training=True))
        gradients.append(tape.gradient(loss, kernel).numpy().reshape(-1, 6))
    projected, reparametrized = gradients
    left = raw @ u / np.linalg.norm(raw @ u)
    right = raw.T @ left / np.linalg.norm(raw.T @ left)
    inner = np.sum(projected * raw / sigma)
    expected = (projected - inner * np.outer(left, right)) / sigma
    np.testing.assert_allclose(reparametrized, expected, rtol=1e-3, atol=1e-4)
    cosine = np.sum(projected * reparametrized) / (
        np.linalg.norm(projected) * np.linalg.norm(reparametrized)
    )
    assert cosine < 0.999


def test_moving_average():
    """Theirs averages after each step of an optimizer; ours, towards the same weights."""
    decay, rng = 0.9, np.random.default_rng(2)
    source, average = (sagan_tf.Generator(16, 3, 8, 8, channels=1) for _ in range(2))
    start = rng.standard_normal(source.dense.bias.shape).astype("f4")
    optimizer = tfa.optimizers.MovingAverage(
        tf.keras.optimizers.legacy.SGD(0.1), average_decay=decay
    )
    variable = tf.Variable(start)
    # Makes the slots, and moves nothing.
    optimizer.apply_gradients([(tf.zeros_like(variable), variable)])
    source.dense.bias.assign(start)
    moving = MovingAverage(average, source)
    moving.copy()
    for _ in range(4):
        gradient = tf.constant(rng.standard_normal(start.shape).astype("f4"))
        optimizer.apply_gradients([(gradient, variable)])
        source.dense.bias.assign(variable)
        moving.update(decay)
    theirs = optimizer.get_slot(variable, "average")
    np.testing.assert_allclose(average.dense.bias, theirs, rtol=1e-5)
    assert np.abs(theirs.numpy() - variable.numpy()).max() > 1e-3
