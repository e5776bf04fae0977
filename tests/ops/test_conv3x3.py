"""The 3x3 convolution with resampling, and the resampling alone, against the plain forms."""

import numpy as np
import pytest
import tensorflow as tf

from sagan_tf import ops
from sagan_tf.layers.spectral_norm import conv2d
from sagan_tf.ops import conv3x3, resampling
from tests.ops.gradients import check_equal, outputs_and_gradients


def normal(*shape, seed=0):
    return tf.constant(np.random.default_rng(seed).standard_normal(shape), tf.float32)


def test_upsample_repeats_pixels_with_the_gradient_of_repeat():
    images = normal(2, 3, 4, 5)
    fast, plain = (
        outputs_and_gradients(f, images) for f in (resampling.upsample, resampling.reference)
    )
    np.testing.assert_array_equal(plain[0], np.repeat(np.repeat(images, 2, axis=1), 2, axis=2))
    np.testing.assert_array_equal(fast[0], plain[0])
    check_equal(fast, plain)


def test_downsample_averages():
    images = normal(2, 4, 6, 3)
    expected = images.numpy().reshape(2, 2, 2, 3, 2, 3).mean((2, 4))
    np.testing.assert_allclose(resampling.downsample(images), expected, atol=1e-6)


@pytest.mark.parametrize("size", [8, 16, 18], ids=["small", "merged", "not a power of two"])
@pytest.mark.parametrize("channels", [(5, 7), (128, 128)], ids=["few channels", "many channels"])
@pytest.mark.parametrize("direction", [None, "up", "down"])
@pytest.mark.parametrize("device", ["any", "cpu"])
def test_fast_forms_equal_the_reference(device, direction, channels, size):
    """Outputs and both gradients, at the borders too; `size` is that of the larger image."""
    size = size // 2 if direction == "up" else size
    images = normal(2, size, size, channels[0])
    kernel = normal(3, 3, *channels, seed=1) / channels[0] ** 0.5
    with ops.using("auto", device):
        fast = outputs_and_gradients(lambda *a: conv3x3.conv3x3(*a, direction), images, kernel)
    plain = outputs_and_gradients(lambda *a: conv3x3.reference(*a, direction), images, kernel)
    check_equal(fast, plain)


@pytest.mark.parametrize("spectral_norm", [False, True])
@pytest.mark.parametrize("direction", ["up", "down"])
def test_layers_have_the_plain_layers_weights(direction, spectral_norm):
    layer, usual = (conv2d(4, 3, spectral_norm, d) for d in (direction, None))
    images = normal(2, 16, 16, 3)
    for convolution in (layer, usual):
        convolution.build(images.shape)
    layer.set_weights(usual.get_weights())
    layer.bias.assign(np.arange(4.0))
    usual.bias.assign(np.arange(4.0))
    expected = (
        usual(resampling.upsample(images))
        if direction == "up"
        else resampling.downsample(usual(images))
    )
    outputs = layer(images)
    np.testing.assert_allclose(outputs, expected, rtol=1e-4, atol=1e-5)
    assert layer.compute_output_shape(images.shape) == outputs.shape
