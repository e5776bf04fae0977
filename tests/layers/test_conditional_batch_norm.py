import keras
import numpy as np
import pytest
import tensorflow as tf

from sagan_tf import layers
from sagan_tf.layers.conditional_batch_norm import normalize

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


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_the_short_form_equals_keras_and_an_affine_map(dtype):
    """Outputs and gradients of images, scale and offset; moments too."""
    random = np.random.default_rng(3)
    x = tf.cast(images(), dtype)
    scale, offset = (tf.constant(random.standard_normal((4, 8)), tf.float32) for _ in range(2))
    weights = tf.constant(random.standard_normal(x.shape), tf.float32)
    norm = keras.layers.BatchNormalization(
        momentum=0.0, epsilon=EPSILON, center=False, scale=False, synchronized=True
    )

    def plain(x, scale, offset):
        normalized = norm(tf.cast(x, tf.float32), training=True)
        return tf.cast(normalized * scale[:, None, None] + offset[:, None, None], dtype)

    results = []
    for function in (plain, lambda *a: normalize(*a, EPSILON)[0]):
        with tf.GradientTape() as tape:
            tape.watch((x, scale, offset))
            outputs = function(x, scale, offset)
            loss = tf.reduce_sum(tf.cast(outputs, tf.float32) * weights)
        results.append([outputs, *tape.gradient(loss, (x, scale, offset))])
    tolerance = 1e-4 if dtype == "float32" else 4e-2
    for one, other in zip(*results):
        assert one.dtype == other.dtype
        one, other = (np.asarray(tf.cast(tensor, tf.float32)) for tensor in (one, other))
        np.testing.assert_allclose(one, other, rtol=tolerance, atol=tolerance)
    _, mean, variance = normalize(x, scale, offset, EPSILON)
    np.testing.assert_allclose(mean, norm.moving_mean, rtol=1e-5)
    np.testing.assert_allclose(variance, norm.moving_variance, rtol=1e-4)
