import keras
import numpy as np
import tensorflow as tf

from sagan_tf import layers
from sagan_tf.ops import resampling


def _images(*shape):
    return tf.constant(np.random.default_rng(0).standard_normal(shape), tf.float32)


def test_generator_shortcut_equals_upsampling_first():
    """A 1x1 convolution commutes with nearest upsampling."""
    block, images = layers.GeneratorBlock(6), _images(2, 4, 4, 5)
    block.build(images.shape)
    block.shortcut.bias.assign(np.arange(6.0))
    np.testing.assert_allclose(
        resampling.upsample(block.shortcut(images)),
        block.shortcut(resampling.upsample(images)),
        atol=1e-6,
    )


def test_discriminator_shortcut_equals_pooling_last():
    """A 1x1 convolution commutes with average pooling."""
    block, images = layers.DiscriminatorBlock(6), _images(2, 4, 4, 5)
    block.build(images.shape)
    block.shortcut.bias.assign(np.arange(6.0))
    np.testing.assert_allclose(
        block.shortcut(resampling.downsample(images)),
        resampling.downsample(block.shortcut(images)),
        atol=1e-6,
    )


def test_images_of_unknown_size():
    """As `keras.Input` describes them for networks of any resolution."""
    inputs = keras.Input((None, None, 8))
    model = keras.Model(inputs, layers.GeneratorBlock(4)(inputs))
    assert tuple(model.output_shape) == (None, None, None, 4)
    assert model(_images(2, 6, 4, 8)).shape == (2, 12, 8, 4)


def test_identity_shortcut_when_nothing_changes():
    block = layers.DiscriminatorBlock(5, downsample=False)
    block.build((None, 4, 4, 5))
    assert block.shortcut is None
    for convolution in (block.conv1, block.conv2):
        convolution.kernel.assign(tf.zeros_like(convolution.kernel))
    images = _images(2, 4, 4, 5)
    np.testing.assert_array_equal(block(images), images)
