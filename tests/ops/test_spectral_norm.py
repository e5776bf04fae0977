"""Spectral normalization of a kernel: the fast forms against the plain one."""

import numpy as np
import pytest
import tensorflow as tf

from sagan_tf.ops import spectral_norm
from tests.ops.gradients import check_equal, outputs_and_gradients

RANDOM = np.random.default_rng(0)


def normal(*shape):
    return tf.constant(RANDOM.standard_normal(shape), tf.float32)


@pytest.mark.parametrize("shape", [(7, 5), (3, 3, 4, 6)])
def test_the_kernel_the_next_u_and_the_gradient_through_sigma(shape):
    kernel, u = normal(*shape), normal(shape[-1])
    fast, plain = (
        outputs_and_gradients(lambda kernel, f=f: f(kernel, u)[0], kernel)
        for f in (spectral_norm.normalize_kernel, spectral_norm.reference)
    )
    check_equal(fast, plain, 1e-5, 1e-5)
    next_u = [f(kernel, u)[1] for f in (spectral_norm.normalize_kernel, spectral_norm.reference)]
    np.testing.assert_allclose(*next_u, rtol=1e-5)


@pytest.mark.parametrize("form", [spectral_norm.normalize_kernel, spectral_norm.reference])
def test_a_kernel_of_zeros_gives_zeros_and_keeps_u(form):
    kernel, u = tf.zeros((3, 2)), tf.constant([0.6, 0.8])
    outputs, gradient = outputs_and_gradients(lambda kernel: form(kernel, u)[0], kernel)
    np.testing.assert_array_equal(outputs, kernel)
    assert np.all(np.isfinite(gradient))
    np.testing.assert_array_equal(form(kernel, u)[1], u)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_dividing_the_inputs_equals_dividing_the_kernel(dtype):
    """The kernel has 20 times the elements of an example, so the fast form divides the inputs."""
    inputs, kernel, u = tf.cast(normal(3, 8), dtype), normal(8, 20), normal(20)

    def fast(inputs, kernel):
        inputs, kernel, _ = spectral_norm.normalize_operands(inputs, kernel, u)
        return tf.matmul(inputs, kernel)

    def plain(inputs, kernel):
        return tf.matmul(inputs, tf.cast(spectral_norm.reference(kernel, u)[0], inputs.dtype))

    divided = spectral_norm.normalize_operands(inputs, kernel, u)[0]
    assert not np.array_equal(tf.cast(divided, tf.float32), tf.cast(inputs, tf.float32))
    tolerance = 1e-5 if dtype == "float32" else 4e-2
    check_equal(
        outputs_and_gradients(fast, inputs, kernel),
        outputs_and_gradients(plain, inputs, kernel),
        tolerance,
        tolerance,
    )


def test_power_iteration_ignores_the_length_of_u():
    matrix, u = normal(5, 4), tf.constant([0.1, -0.2, 0.3, 0.5])
    expected = spectral_norm.power_iteration(matrix, u)
    for scaled in (1e-6 * u, 1e6 * u):
        for one, other in zip(spectral_norm.power_iteration(matrix, scaled), expected):
            np.testing.assert_allclose(one, other, rtol=1e-5)
