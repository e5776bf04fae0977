"""The short form of the 3x3 convolution against TensorFlow's."""

import numpy as np
import pytest
import tensorflow as tf

from sagan_tf.layers import plain, winograd
from tests.layers.convolutions import outputs_and_gradients, plain_convolution

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
        outputs_and_gradients(convolution, images, kernel, eager)
        for convolution in (
            lambda images, kernel: winograd.convolution(images, kernel, tile, direction),
            lambda images, kernel: plain_convolution(images, kernel, direction),
        )
    )
    for one, other in zip(short, expected):
        assert one.shape == other.shape
        scale = np.std(other)
        np.testing.assert_allclose(one / scale, other / scale, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_the_small_tile_keeps_the_digits_of_bfloat16(direction):
    """Within three times the error that the plain form has from rounding its inputs."""
    images, kernel = normal(4, 8, 8, 64), normal(3, 3, 64, 64)
    exact = outputs_and_gradients(lambda *a: plain_convolution(*a, direction), images, kernel)
    rounded = tf.cast(images, tf.bfloat16), tf.cast(kernel, tf.bfloat16)
    forms = (
        lambda *a: plain_convolution(*a, direction),
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


def products(size, channels, filters, direction=None, dtype="float32"):
    """How many matrix products a 3x3 layer makes of such images; None for a convolution."""
    layer = plain.conv2d(filters, 3, False, direction, dtype=dtype)
    layer.build((None, size, size, channels))
    spec = tf.TensorSpec((None, size, size, channels), layer.compute_dtype)
    operations = tf.function(layer).get_concrete_function(spec).graph.get_operations()
    found = [op.inputs[0].shape[0] for op in operations if op.name.endswith("products/MatMul")]
    assert bool(found) != any("Conv2D" in op.type for op in operations)
    return found[0] if found else None


@pytest.fixture
def no_switch(monkeypatch):
    monkeypatch.delenv(winograd.SWITCH, raising=False)


def test_it_is_chosen_where_channels_are_many(no_switch):
    assert products(8, 128, 256) == 36
    assert products(32, 128, 128) == 36
    assert products(8, 64, 256) is None  # too few channels
    assert products(64, 128, 128) is None  # too large a map
    assert products(6, 128, 128) is None  # 4 divides no 6
    assert products(None, 128, 128) is None


def test_large_kernels_have_the_small_tile(no_switch):
    assert products(4, 256, 256) == 16
    assert products(8, 512, 512) == 16


def test_doubling_and_halving_leave_out_products(no_switch):
    """With 3 of 4, or 5 of 6, in each dimension."""
    assert products(2, 256, 256, "up") == products(4, 256, 256, "down") == 9
    assert products(4, 128, 128, "up") == products(8, 128, 128, "down") == 25
    assert products(16, 128, 128, "up") is products(32, 128, 128, "down") is None


def test_bfloat16_has_the_small_tile_alone(no_switch):
    assert products(16, 128, 128, dtype="mixed_bfloat16") == 16
    assert products(32, 128, 128, dtype="mixed_bfloat16") is None


def test_accelerators_choose_themselves(no_switch, monkeypatch):
    devices = {"GPU": ["GPU:0"], "TPU": []}
    monkeypatch.setattr(tf.config, "list_logical_devices", devices.get)
    assert products(8, 128, 128) is None


def test_the_switch_decides(monkeypatch):
    monkeypatch.setenv(winograd.SWITCH, "0")
    assert products(8, 128, 128) is None
    monkeypatch.setenv(winograd.SWITCH, "1")
    monkeypatch.setattr(tf.config, "list_logical_devices", {"GPU": ["GPU:0"], "TPU": []}.get)
    assert products(8, 128, 128) == 36


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_layers_choose_it_for_batches_of_any_size(direction, no_switch):
    layer = plain.conv2d(128, 3, True, direction)
    images = normal(5, 4, 4, 128)
    layer.build(images.shape)
    spec = tf.TensorSpec((None, 4, 4, 128))
    outputs = tf.function(layer, input_signature=[spec])(images)
    expected = plain_convolution(images, layer.normalized_kernel(), direction) + layer.bias
    assert winograd.best_tile(images, tf.convert_to_tensor(layer.kernel), direction)
    np.testing.assert_allclose(outputs, expected, rtol=1e-4, atol=1e-4)
