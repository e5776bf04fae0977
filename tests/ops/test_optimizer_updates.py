"""The one-pass updates of Adam and of the moving average against the plain ones."""

import numpy as np
import pytest
import tensorflow as tf

from sagan_tf.ops import adam, moving_average

RANDOM = np.random.default_rng(0)


def variable():
    return tf.Variable(RANDOM.standard_normal((3, 2)), dtype=tf.float32)


@pytest.mark.parametrize("beta_1", [0.0, 0.5])
def test_adam(beta_1):
    some = [variable(), tf.Variable(tf.zeros((3, 2))), tf.Variable(tf.zeros((3, 2)))]
    others = [tf.Variable(v) for v in some]
    for step in range(1, 6):
        gradient = tf.constant(RANDOM.standard_normal((3, 2)), tf.float32)
        numbers = (tf.constant(float(step)), tf.constant(0.01), beta_1, 0.9, 1e-6)
        adam.adam(*some, gradient, *numbers)
        adam.reference(*others, gradient, *numbers)
    for one, other in zip(some, others):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-7)


def test_moving_average():
    average, value = variable(), variable()
    expected = 0.75 * average.numpy() + 0.25 * value.numpy()
    plain = tf.Variable(average)
    moving_average.move(average, value, tf.constant(0.75))
    moving_average.reference(plain, value, tf.constant(0.75))
    np.testing.assert_allclose(average, expected, rtol=1e-5)
    np.testing.assert_allclose(plain, expected, rtol=1e-5)
