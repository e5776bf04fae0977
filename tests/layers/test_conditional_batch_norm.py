import numpy as np
import pytest

from sagan_tf import layers

EPSILON = 1e-3
LABELS = np.array([2, 0, 1, 2], np.int32)


def images():
    return (3.0 + 2.0 * np.random.default_rng(0).standard_normal((4, 5, 6, 8))).astype(np.float32)


def make(num_classes):
    layer = layers.ConditionalBatchNormalization(num_classes, momentum=0.75, epsilon=EPSILON)
    layer.build((None, 5, 6, 8))
    random = np.random.default_rng(1)
    layer.gamma.assign(random.standard_normal(layer.gamma.shape))
    layer.beta.assign(random.standard_normal(layer.beta.shape))
    return layer


def expected(layer, x, mean, variance):
    gamma, beta = np.asarray(layer.gamma), np.asarray(layer.beta)
    if layer.num_classes is not None:
        gamma, beta = gamma[LABELS][:, None, None], beta[LABELS][:, None, None]
    return (x - mean) / np.sqrt(variance + EPSILON) * gamma + beta


@pytest.mark.parametrize("num_classes", [3, None])
def test_training_uses_the_moments_of_the_batch(num_classes):
    layer, x = make(num_classes), images()
    mean, variance = x.mean((0, 1, 2)), x.var((0, 1, 2))
    outputs = layer(x, LABELS, training=True)
    np.testing.assert_allclose(outputs, expected(layer, x, mean, variance), atol=2e-5)
    np.testing.assert_allclose(layer.normalization.moving_mean, 0.25 * mean, rtol=1e-5)
    np.testing.assert_allclose(
        layer.normalization.moving_variance, 0.75 + 0.25 * variance, rtol=1e-4
    )


@pytest.mark.parametrize("num_classes", [3, None])
def test_inference_uses_the_moving_statistics(num_classes):
    layer, x = make(num_classes), images()
    mean, variance = np.full(8, 0.5, np.float32), np.full(8, 4.0, np.float32)
    layer.normalization.moving_mean.assign(mean)
    layer.normalization.moving_variance.assign(variance)
    np.testing.assert_allclose(
        layer(x, LABELS), expected(layer, x, mean, variance), rtol=1e-5, atol=1e-5
    )


def test_weights_have_one_row_a_class():
    assert make(3).gamma.shape == (3, 8)
    assert make(None).gamma.shape == (8,)
