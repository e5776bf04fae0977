"""Our spectral normalization is TF-GAN's, which starts its iteration from the other side.

TF-GAN keeps the left singular vector and we keep the right one: on the transposed matrix its
iteration is ours, step by step; on the matrix itself both converge to the same kernel.
"""

import numpy as np
import pytest
import tensorflow as tf

from sagan_tf.layers import SpectralConv2D
from sagan_tf.ops.spectral_norm import power_iteration

tfgan = pytest.importorskip(
    "tensorflow_gan", reason="TF-GAN imports on TensorFlow 2.15 only: make test-tf215"
)
v1 = tf.compat.v1


def run_theirs(function, u, runs):
    """Evaluates a TF-GAN graph several times from `u`; returns all values and the last u."""
    with tf.Graph().as_default(), v1.Session() as session:
        result = function()
        (variable,) = v1.global_variables()
        variable.load(u, session)
        return [session.run(result) for _ in range(runs)], session.run(variable)


def test_each_iteration_of_the_transposed_matrix():
    rng = np.random.default_rng(0)
    matrix, u = rng.standard_normal((12, 5)).astype("f4"), rng.standard_normal(5).astype("f4")
    theirs, their_u = run_theirs(
        lambda: tfgan.features.compute_spectral_norm(tf.constant(matrix.T)), u[:, None], 4
    )
    ours = []
    for _ in range(4):
        u, sigma = power_iteration(tf.constant(matrix), u)
        ours.append(float(sigma))
    np.testing.assert_allclose(ours, theirs, rtol=1e-5)
    np.testing.assert_allclose(u, their_u[:, 0], rtol=1e-5)
    assert theirs[0] < 0.999 * theirs[-1]  # the first was no fixed point


def test_kernel_once_both_have_converged():
    layer = SpectralConv2D(6, 3)
    layer.build((None, None, None, 4))
    for _ in range(200):
        layer.normalized_kernel(training=True)
    theirs, _ = run_theirs(
        lambda: tfgan.features.spectral_normalize(tf.constant(layer.kernel.numpy())),
        np.ones((36, 1), "f4"),
        200,
    )
    np.testing.assert_allclose(layer.normalized_kernel(), theirs[-1], rtol=1e-4, atol=1e-6)


def test_gradient_flows_through_sigma():
    rng = np.random.default_rng(1)
    matrix, u, weights = (
        rng.standard_normal(shape).astype("f4") for shape in ((12, 5), (5,), (12, 5))
    )

    def theirs():
        transposed = tf.constant(matrix.T)
        normalized = transposed / tfgan.features.compute_spectral_norm(transposed)
        return v1.gradients(tf.reduce_sum(normalized * weights.T), transposed)[0]

    (their_gradient,), _ = run_theirs(theirs, u[:, None], 1)
    raw = tf.Variable(matrix)
    with tf.GradientTape() as tape:
        matrix = tf.convert_to_tensor(raw)
        loss = tf.reduce_sum(matrix / power_iteration(matrix, u)[1] * weights)
    np.testing.assert_allclose(tape.gradient(loss, raw), their_gradient.T, rtol=1e-4, atol=1e-5)
