"""The short form of the 3x3 convolution against TensorFlow's."""

import numpy as np
import pytest
import tensorflow as tf

from sagan_tf import ops
from sagan_tf.layers import spectral_norm
from sagan_tf.ops import winograd
from sagan_tf.ops.conv3x3 import reference
from tests.ops.gradients import check_equal, outputs_and_gradients

RANDOM = np.random.default_rng(0)
DIRECTIONS = [None, "up", "down"]


def normal(*shape):
    return tf.constant(RANDOM.standard_normal(shape), tf.float32)


@pytest.mark.parametrize("eager", [False, True], ids=["graph", "eager"])
@pytest.mark.parametrize("size", [(4, 4), (8, 8), (12, 4)])
@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("tile", [2, 4])
def test_outputs_and_gradients_equal_the_plain_form(tile, direction, size, eager):
    """At the borders too; one, two and three squares in a row."""
    images, kernel = normal(3, *size, 6), normal(3, 3, 6, 7)
    short, expected = (
        outputs_and_gradients(convolution, images, kernel, eager=eager)
        for convolution in (
            lambda images, kernel: winograd.convolution(images, kernel, tile, direction),
            lambda images, kernel: reference(images, kernel, direction),
        )
    )
    check_equal(short, expected)


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_the_small_tile_keeps_the_digits_of_bfloat16(direction):
    """Within three times the error that the plain form has from rounding its inputs."""
    images, kernel = normal(4, 8, 8, 64), normal(3, 3, 64, 64)
    exact = outputs_and_gradients(lambda *a: reference(*a, direction), images, kernel)
    rounded = tf.cast(images, tf.bfloat16), tf.cast(kernel, tf.bfloat16)
    forms = (
        lambda *a: reference(*a, direction),
        lambda *a: winograd.convolution(*a, 2, direction),
    )
    errors = [
        [
            np.std(tf.cast(one, tf.float32) - other) / np.std(other)
            for one, other in zip(outputs_and_gradients(form, *rounded), exact)
        ]
        for form in forms
    ]
    for plain_error, short_error in zip(*errors):
        assert short_error < 3.0 * plain_error < 0.02


def tile(size, channels, filters, direction=None, dtype=tf.float32):
    """The tile size that is chosen for such images, or None."""
    images = tf.TensorSpec((None, size, size, channels), dtype)
    return winograd.best_tile(images, tf.TensorSpec((3, 3, channels, filters), dtype), direction)


def test_tiles_are_chosen_where_channels_are_many():
    assert tile(8, 128, 256) == tile(32, 128, 128) == 4
    assert tile(8, 64, 256) is None  # too few channels
    assert tile(64, 128, 128) is None  # too large a map
    assert tile(6, 128, 128) is None  # 4 does not divide 6
    assert tile(None, 128, 128) is None
    assert tile(2, 256, 256, "up") == tile(4, 256, 256, "down") == 2
    assert tile(4, 128, 128, "up") == tile(8, 128, 128, "down") == 4
    assert tile(16, 128, 128, "up") is tile(32, 128, 128, "down") is None


def test_large_kernels_and_bfloat16_have_the_small_tile():
    assert tile(4, 256, 256) == tile(8, 512, 512) == 2
    assert tile(16, 128, 128, dtype=tf.bfloat16) == 2
    assert tile(32, 128, 128, dtype=tf.bfloat16) is None


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_layers_take_it_for_batches_of_any_size(direction):
    layer = spectral_norm.conv2d(128, 3, True, direction)
    images = normal(5, 4, 4, 128)
    layer.build(images.shape)
    spec = tf.TensorSpec((None, 4, 4, 128))
    with ops.using("auto", "cpu"):
        outputs = tf.function(layer, input_signature=[spec])(images)
    expected = reference(images, layer.normalized_kernel(), direction) + layer.bias
    np.testing.assert_allclose(outputs, expected, rtol=1e-4, atol=1e-4)
