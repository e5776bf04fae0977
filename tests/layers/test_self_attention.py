import numpy as np
import pytest
import tensorflow as tf

from sagan_tf import layers
from sagan_tf.errors import ConfigError


def _max_pool(images, size):
    b, h, w, c = images.shape
    return images.reshape(b, h // size, size, w // size, size, c).max((2, 4))


def numpy_attention(layer, images):
    """Equations 1 to 3 of the paper, position by position; pooled if the layer pools."""
    kernels = {}
    for name in ("query", "key", "value", "output_projection"):
        convolution = getattr(layer, name)
        kernel = np.asarray(
            convolution.normalized_kernel() if layer.spectral_norm else convolution.kernel
        )
        kernels[name] = kernel[0, 0].astype(np.float64)
    b, h, w, _ = images.shape
    query = (images @ kernels["query"]).reshape(b, h * w, -1)
    key = _max_pool(images @ kernels["key"], layer.pool_size).reshape(b, -1, query.shape[-1])
    value = _max_pool(images @ kernels["value"], layer.pool_size)
    value = value.reshape(b, key.shape[1], -1)
    outputs, maps = np.array(images, np.float64), np.zeros((b, h * w, key.shape[1]))
    for n in range(b):
        for j in range(h * w):
            scores = np.array([key[n, i] @ query[n, j] for i in range(key.shape[1])])
            weights = np.exp(scores - scores.max())
            maps[n, j] = weights / weights.sum()
            o = (maps[n, j] @ value[n]) @ kernels["output_projection"]
            outputs[n, j // w, j % w] += float(layer.gamma.numpy()) * o
    keys = (h // layer.pool_size, w // layer.pool_size)
    return outputs, maps.reshape(b, h, w, *keys)


@pytest.mark.parametrize(
    "arguments",
    [{}, {"pool_size": 1, "value_channels": 2}, {"spectral_norm": False}, {"pool_size": 4}],
    ids=["released", "text", "no_spectral_norm", "pool4"],
)
def test_equals_the_formula_in_numpy(arguments):
    images = np.random.default_rng(0).standard_normal((2, 8, 4, 16)).astype(np.float32)
    layer = layers.SelfAttention2D(**arguments)
    layer(images)
    layer.gamma.assign(0.7)
    outputs, maps = layer(images, return_attention_map=True)
    expected_outputs, expected_maps = numpy_attention(layer, images)
    np.testing.assert_allclose(outputs, expected_outputs, atol=1e-5)
    np.testing.assert_allclose(maps, expected_maps, atol=1e-5)
    np.testing.assert_allclose(np.sum(maps, (3, 4)), np.ones((2, 8, 4)), atol=1e-5)


def test_is_the_identity_at_gamma_zero_with_a_gradient_for_gamma():
    images = np.random.default_rng(0).standard_normal((2, 8, 8, 16)).astype(np.float32)
    layer = layers.SelfAttention2D()
    with tf.GradientTape() as tape:
        outputs = layer(images)
        loss = tf.reduce_sum(outputs**2)
    np.testing.assert_array_equal(outputs, images)
    assert layer.gamma.numpy() == 0.0
    assert abs(tape.gradient(loss, layer.gamma).numpy()) > 1e-3


def test_channels_follow_the_released_code():
    layer = layers.SelfAttention2D()
    layer.build((None, 8, 8, 64))
    assert layer.query.kernel.shape == layer.key.kernel.shape == (1, 1, 64, 8)
    assert layer.value.kernel.shape == (1, 1, 64, 32)
    assert layer.output_projection.kernel.shape == (1, 1, 32, 64)
    assert layer.query.bias is None


def test_pool_size_must_divide_the_feature_map():
    with pytest.raises(ConfigError, match="pool_size=3"):
        layers.SelfAttention2D(3).build((None, 8, 8, 16))
