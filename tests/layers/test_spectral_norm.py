import keras
import numpy as np
import pytest
import tensorflow as tf

from sagan_tf import layers
from sagan_tf.layers import spectral_norm
from sagan_tf.layers.spectral_norm import inverse_sigma, power_iteration

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


def test_the_short_form_equals_dividing_by_sigma():
    """Values, the next `u`, and the gradient through sigma."""
    random = np.random.default_rng(0)
    matrix, weights = (tf.constant(random.standard_normal((7, 5)), tf.float32) for _ in range(2))
    u = tf.constant(random.standard_normal(5), tf.float32)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(matrix)
        inverse, short_u = inverse_sigma(matrix, u)
        short = inverse * matrix
        plain_u, sigma = power_iteration(matrix, u)
        plain = matrix / sigma
        losses = [tf.reduce_sum(kernel * weights) for kernel in (short, plain)]
    np.testing.assert_allclose(short, plain, rtol=1e-5)
    np.testing.assert_allclose(short_u, plain_u, rtol=1e-5)
    one, other = (tape.gradient(loss, matrix) for loss in losses)
    np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)


def test_power_iteration_ignores_the_length_of_u():
    matrix = tf.constant(np.random.default_rng(0).standard_normal((5, 4)), tf.float32)
    u = tf.constant([0.1, -0.2, 0.3, 0.5])
    for scaled in (1e-6 * u, 1e6 * u):
        for actual, expected in zip(power_iteration(matrix, scaled), power_iteration(matrix, u)):
            np.testing.assert_allclose(actual, expected, rtol=1e-5)


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


@pytest.mark.parametrize("kind", ["conv", "dense"])
@pytest.mark.parametrize("dtype", ["float32", "mixed_bfloat16"])
def test_large_kernels_divide_their_input_instead(kind, dtype, monkeypatch):
    """Same outputs and gradients, `u` as well, whichever of the two sigma divides."""
    keras.utils.set_random_seed(3)
    random = np.random.default_rng(0)
    inputs = tf.constant(random.standard_normal({"conv": (2, 4, 4, 8), "dense": (2, 9)}[kind]))
    results = []
    for threshold in (0, 10**9):
        monkeypatch.setattr(spectral_norm, "_LARGE_KERNEL", threshold)
        keras.utils.set_random_seed(4)
        layer = {
            "conv": lambda: layers.SpectralConv2D(6, 3, dtype=dtype),
            "dense": lambda: layers.SpectralDense(5, dtype=dtype),
        }[kind]()
        tensor = tf.cast(inputs, layer.compute_dtype)
        layer.build(tensor.shape)
        with tf.GradientTape() as tape:
            tape.watch(tensor)
            outputs = layer(tensor, training=True)
            loss = tf.reduce_sum(tf.sin(tf.cast(outputs, tf.float32)))
        kernel_gradient, input_gradient = tape.gradient(loss, (layer.kernel, tensor))
        results.append([outputs, kernel_gradient, input_gradient, layer.u])
    tolerance = 1e-5 if dtype == "float32" else 4e-2
    for one, other in zip(*results):
        one, other = (tf.cast(tensor, tf.float32) for tensor in (one, other))
        np.testing.assert_allclose(one, other, rtol=tolerance, atol=tolerance)


def test_a_large_kernel_of_zeros_gives_zeros():
    layer = layers.SpectralConv2D(64, 3, kernel_initializer="zeros", bias_initializer="ones")
    images = tf.ones((1, 4, 4, 32))
    with tf.GradientTape() as tape:
        outputs = layer(images, training=True)
    np.testing.assert_array_equal(outputs, np.ones((1, 2, 2, 64)))
    assert np.all(np.isfinite(tape.gradient(outputs, layer.kernel)))
