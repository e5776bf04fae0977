import numpy as np
import pytest
import tensorflow as tf

from sagan_tf import config, losses
from sagan_tf.errors import ConfigError

REAL = tf.constant([2.0, 0.5, -1.0])
FAKE = tf.constant([-3.0, 0.0, 0.5])

# Computed by hand from the formulas in the docstrings.
EXPECTED = {
    "hinge": ([0.0, 1.5, 3.5], [3.0, 0.0, -0.5]),
    "non_saturating": (
        [0.126928 + 0.048587, 0.474077 + 0.693147, 1.313262 + 0.974077],
        [3.048587, 0.693147, 0.474077],
    ),
    "least_squares": ([5.0, 0.125, 2.125], [8.0, 0.5, 0.125]),
    "wasserstein": ([-5.0, -0.5, 1.5], [3.0, 0.0, -0.5]),
}


@pytest.mark.parametrize("name", config.LOSSES)
def test_values_per_example(name):
    loss = losses.get(name)
    discriminator, generator = EXPECTED[name]
    np.testing.assert_allclose(loss.discriminator(REAL, FAKE), discriminator, atol=1e-5)
    np.testing.assert_allclose(loss.generator(FAKE), generator, atol=1e-5)


def test_unknown_name_lists_the_known():
    with pytest.raises(ConfigError, match=r"loss='mse'.*hinge, non_saturating"):
        losses.get("mse")


def test_global_mean_divides_by_the_global_batch(two_replicas):
    assert losses.global_mean(tf.constant([1.0, 3.0])) == 2.0
    shares = two_replicas.run(lambda: losses.global_mean(tf.constant([1.0, 3.0])))
    assert two_replicas.reduce("SUM", shares, axis=None) == 2.0
