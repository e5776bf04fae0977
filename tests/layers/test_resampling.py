"""Doubling and halving, and the convolutions that do both in one."""

import numpy as np
import pytest
import tensorflow as tf

from sagan_tf.layers import plain, resampling
from tests.layers.convolutions import outputs_and_gradients, plain_convolution


def _images(*shape, seed=0):
    return tf.constant(np.random.default_rng(seed).standard_normal(shape), tf.float32)


def test_upsample_repeats_pixels_with_the_gradient_of_repeat():
    images = _images(2, 3, 4, 5)
    weights = _images(2, 6, 8, 5)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(images)
        actual = resampling.upsample(images)
        expected = tf.repeat(tf.repeat(images, 2, axis=1), 2, axis=2)
        losses = [tf.reduce_sum(outputs * weights) for outputs in (actual, expected)]
    np.testing.assert_array_equal(actual, expected)
    gradients = [tape.gradient(loss, images) for loss in losses]
    np.testing.assert_allclose(*gradients, rtol=1e-5, atol=1e-5)


def test_downsample_averages():
    images = _images(2, 4, 6, 3)
    expected = images.numpy().reshape(2, 2, 2, 3, 2, 3).mean((2, 4))
    np.testing.assert_allclose(resampling.downsample(images), expected, atol=1e-6)


@pytest.mark.parametrize("size", [8, 16, 18], ids=["small", "merged", "not a power of two"])
@pytest.mark.parametrize("direction", ["up", "down"])
def test_one_convolution_equals_two_operations(direction, size):
    """Outputs and both gradients, at the borders too; `size` is that of the larger image."""
    merged = {
        "up": resampling.upsampled_convolution,
        "down": resampling.convolution_downsampled,
    }[direction]
    size = size // 2 if direction == "up" else size
    images, kernel = _images(2, size, size, 5), _images(3, 3, 5, 7, seed=1)
    actual = outputs_and_gradients(merged, images, kernel)
    expected = outputs_and_gradients(
        lambda images, kernel: plain_convolution(images, kernel, direction), images, kernel
    )
    for one, other in zip(actual, expected):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("direction", ["up", "down"])
def test_the_merged_form_is_one_convolution_of_stride_two(direction):
    layer = plain.conv2d(4, 3, False, direction)
    layer.build((None, 16, 16, 4))

    spec = tf.TensorSpec((1, 16, 16, 4))
    operations = tf.function(layer).get_concrete_function(spec).graph.get_operations()
    (op,) = [op for op in operations if op.type.startswith("Conv2D")]
    assert op.type == {"up": "Conv2DBackpropInput", "down": "Conv2D"}[direction]
    assert op.get_attr("strides") == [1, 2, 2, 1]
    assert op.inputs[1].shape[:2] == (3, 3)


@pytest.mark.parametrize("spectral_norm", [False, True])
@pytest.mark.parametrize("direction", ["up", "down"])
def test_layers_have_the_plain_layers_weights(direction, spectral_norm):
    layer, usual = (plain.conv2d(4, 3, spectral_norm, d) for d in (direction, None))
    images = _images(2, 16, 16, 3)
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
