import keras
import numpy as np
import pytest
import tensorflow as tf

from sagan_tf import layers

SPECTRAL = {
    "conv": (lambda: layers.SpectralConv2D(6, 3), np.ones((1, 8, 8, 4), np.float32)),
    "dense": (lambda: layers.SpectralDense(5), np.ones((1, 9), np.float32)),
    "embedding": (lambda: layers.SpectralEmbedding(7, 4), np.array([0], np.int32)),
}


def make(name, iterations=0):
    keras.utils.set_random_seed(2)
    factory, inputs = SPECTRAL[name]
    layer = factory()
    layer(inputs)
    for _ in range(iterations):
        layer(inputs, training=True)
    return layer, inputs


def matrix_of(kernel):
    kernel = np.asarray(kernel)
    return kernel.reshape(-1, kernel.shape[-1])


@pytest.mark.parametrize("name", SPECTRAL)
def test_normalized_kernel_has_spectral_norm_one_after_convergence(name):
    layer, _ = make(name, iterations=100)
    largest = np.linalg.svd(matrix_of(layer.normalized_kernel()))[1][0]
    assert abs(largest - 1.0) < 1e-3
    np.testing.assert_allclose(
        layer.sigma(), np.linalg.svd(matrix_of(layer.raw_kernel))[1][0], rtol=1e-3
    )


@pytest.mark.parametrize("name", SPECTRAL)
def test_forward_leaves_the_kernel_alone_and_moves_u_only_in_training(name):
    layer, inputs = make(name)
    kernel, u = np.array(layer.raw_kernel), np.array(layer.u)
    layer(inputs)
    np.testing.assert_array_equal(layer.u, u)
    layer(inputs, training=True)
    np.testing.assert_array_equal(layer.raw_kernel, kernel)
    matrix = matrix_of(kernel).astype(np.float64)
    v = matrix @ u / np.linalg.norm(matrix @ u)
    expected = matrix.T @ v / np.linalg.norm(matrix.T @ v)
    np.testing.assert_allclose(layer.u, expected, atol=1e-6)


@pytest.mark.parametrize("name", SPECTRAL)
def test_calls_between_two_updates_use_the_same_kernel(name):
    """The training call divides by what the inference call before it divided by."""
    layer, _ = make(name)
    before = layer.normalized_kernel(training=False)
    np.testing.assert_array_equal(layer.normalized_kernel(training=True), before)


@pytest.mark.parametrize("name", SPECTRAL)
def test_gradient_through_sigma_equals_finite_differences(name):
    layer, inputs = make(name, iterations=200)
    weights = np.random.default_rng(0).standard_normal(np.shape(layer.raw_kernel))

    def loss():
        return tf.reduce_sum(layer.normalized_kernel() * weights.astype(np.float32))

    with tf.GradientTape() as tape:
        value = loss()
    gradient = tf.convert_to_tensor(tape.gradient(value, layer.raw_kernel)).numpy()
    kernel = np.array(layer.raw_kernel)
    for flat_index in np.random.default_rng(1).choice(kernel.size, 8, replace=False):
        index = np.unravel_index(flat_index, kernel.shape)
        differences = []
        for sign in (1.0, -1.0):
            moved = kernel.astype(np.float64)
            moved[index] += sign * 1e-3
            normalized = moved / np.linalg.svd(matrix_of(moved))[1][0]
            differences.append(sign * np.sum(normalized * weights))
        np.testing.assert_allclose(gradient[index], sum(differences) / 2e-3, rtol=2e-2, atol=2e-3)


def test_zero_kernel_gives_zeros_and_recovers():
    layer, inputs = make("dense")
    layer.kernel.assign(tf.zeros_like(layer.kernel))
    with tf.GradientTape() as tape:
        outputs = layer(inputs, training=True)
    np.testing.assert_array_equal(outputs, np.zeros((1, 5)))
    assert np.all(np.isfinite(tape.gradient(outputs, layer.kernel)))
    layer.kernel.assign(np.eye(9, 5))
    assert np.all(np.isfinite(layer.u)) and layer.sigma() > 0.5


def test_convolution_equals_plain_convolution_with_the_normalized_kernel():
    layer, _ = make("conv", iterations=3)
    images = np.random.default_rng(0).standard_normal((2, 8, 8, 4)).astype(np.float32)
    layer.bias.assign(np.arange(6.0))
    expected = tf.nn.conv2d(images, layer.normalized_kernel(), 1, "VALID") + layer.bias
    np.testing.assert_allclose(layer(images), expected, atol=1e-5)


def test_keras_arguments_are_kept():
    layer = layers.SpectralConv2D(
        4, (3, 5), strides=2, padding="same", activation="relu", use_bias=False, dilation_rate=1
    )
    outputs = layer(np.random.default_rng(0).standard_normal((2, 8, 8, 3)).astype(np.float32))
    assert outputs.shape == (2, 4, 4, 4)
    assert np.min(outputs) >= 0.0 and layer.bias is None


def test_a_large_kernel_of_zeros_leaves_the_bias():
    layer = layers.SpectralConv2D(64, 3, kernel_initializer="zeros", bias_initializer="ones")
    images = tf.ones((1, 4, 4, 32))
    with tf.GradientTape() as tape:
        outputs = layer(images, training=True)
    np.testing.assert_array_equal(outputs, np.ones((1, 2, 2, 64)))
    assert np.all(np.isfinite(tape.gradient(outputs, layer.kernel)))
