import keras
import numpy as np
import pytest

import sagan_tf
from sagan_tf.keras_compat import named_variables
from sagan_tf.models.initialization import initialize


def build(network=sagan_tf.Generator, seed=3, spectral_norm=True):
    made = network(16, 3, 8, 8, channels=1, spectral_norm=spectral_norm)
    initialize(made, seed)
    return {path: np.array(variable) for path, variable in named_variables(made).items()}


@pytest.fixture(scope="module")
def weights():
    return build()


def test_the_seed_alone_decides(weights):
    keras.utils.set_random_seed(77)
    again, other = build(), build(seed=4)
    for path, value in weights.items():
        np.testing.assert_array_equal(value, again[path])
        drawn = path.endswith(("kernel", "/u"))
        assert np.array_equal(value, other[path]) is not drawn, path


def test_distributions(weights):
    kernel = weights["block1/conv1/kernel"]  # (3, 3, 32, 16)
    limit = np.sqrt(6 / (9 * (kernel.shape[2] + kernel.shape[3])))
    assert 0.99 * limit < np.abs(kernel).max() <= limit
    np.testing.assert_allclose(np.std(kernel), limit / np.sqrt(3), rtol=0.03)
    np.testing.assert_allclose(np.mean(kernel), 0.0, atol=0.03 * limit)
    singular = np.concatenate([value for path, value in weights.items() if path.endswith("/u")])
    np.testing.assert_allclose([np.mean(singular), np.std(singular)], [0.0, 1.0], atol=0.1)
    assert not np.any(weights["attention/gamma"])
    assert np.all(weights["block1/norm1/gamma"] == 1.0)


def test_no_two_weights_are_alike(weights):
    one, other = weights["block1/conv2/kernel"], weights["block2/conv2/kernel"]
    assert abs(np.corrcoef(one.ravel()[: other.size], other.ravel())[0, 1]) < 0.1
    discriminator = build(sagan_tf.Discriminator)
    shared = [path for path in weights if path.endswith("kernel") and path in discriminator]
    assert shared
    for path in shared:
        size = min(weights[path].size, discriminator[path].size)
        assert not np.array_equal(
            weights[path].ravel()[:size], discriminator[path].ravel()[:size]
        ), path


def test_raw_kernels_are_the_same_with_and_without_spectral_normalization(weights):
    plain = build(spectral_norm=False)
    for path, value in plain.items():
        np.testing.assert_array_equal(value, weights[path])
