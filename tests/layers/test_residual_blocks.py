import numpy as np
import tensorflow as tf

from sagan_tf import layers
from sagan_tf.layers import residual_blocks


def _images(*shape):
    return tf.constant(np.random.default_rng(0).standard_normal(shape), tf.float32)


def test_upsample_repeats_pixels_with_the_gradient_of_repeat():
    images = _images(2, 3, 4, 5)
    weights = _images(2, 6, 8, 5)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(images)
        actual = residual_blocks.upsample(images)
        expected = tf.repeat(tf.repeat(images, 2, axis=1), 2, axis=2)
        losses = [tf.reduce_sum(outputs * weights) for outputs in (actual, expected)]
    np.testing.assert_array_equal(actual, expected)
    gradients = [tape.gradient(loss, images) for loss in losses]
    np.testing.assert_allclose(*gradients, rtol=1e-5, atol=1e-5)


def test_downsample_averages():
    images = _images(2, 4, 6, 3)
    expected = images.numpy().reshape(2, 2, 2, 3, 2, 3).mean((2, 4))
    np.testing.assert_allclose(residual_blocks.downsample(images), expected, atol=1e-6)


def test_generator_shortcut_equals_upsampling_first():
    """A 1x1 convolution commutes with nearest upsampling."""
    block, images = layers.GeneratorBlock(6), _images(2, 4, 4, 5)
    block.build(images.shape)
    block.shortcut.bias.assign(np.arange(6.0))
    np.testing.assert_allclose(
        residual_blocks.upsample(block.shortcut(images)),
        block.shortcut(residual_blocks.upsample(images)),
        atol=1e-6,
    )


def test_discriminator_shortcut_equals_pooling_last():
    """A 1x1 convolution commutes with average pooling."""
    block, images = layers.DiscriminatorBlock(6), _images(2, 4, 4, 5)
    block.build(images.shape)
    block.shortcut.bias.assign(np.arange(6.0))
    np.testing.assert_allclose(
        block.shortcut(residual_blocks.downsample(images)),
        residual_blocks.downsample(block.shortcut(images)),
        atol=1e-6,
    )


def test_identity_shortcut_when_nothing_changes():
    block = layers.DiscriminatorBlock(5, downsample=False)
    block.build((None, 4, 4, 5))
    assert block.shortcut is None
    for convolution in (block.conv1, block.conv2):
        convolution.kernel.assign(tf.zeros_like(convolution.kernel))
    images = _images(2, 4, 4, 5)
    np.testing.assert_array_equal(block(images), images)
