"""The short form of the 3x3 convolution against TensorFlow's."""

import numpy as np
import pytest
import tensorflow as tf

from sagan_tf.layers import plain, winograd

RANDOM = np.random.default_rng(0)


def normal(*shape):
    return tf.constant(RANDOM.standard_normal(shape), tf.float32)


def plain_convolution(images, kernel):
    return tf.nn.conv2d(images, kernel, 1, "SAME")


@pytest.mark.parametrize("eager", [False, True], ids=["graph", "eager"])
@pytest.mark.parametrize("shape", [(2, 4, 4), (3, 8, 8), (1, 12, 5)])
def test_outputs_and_gradients_equal_the_plain_form(shape, eager):
    """At the borders too; heights of one, two and three groups of rows."""
    images, kernel, weights = normal(*shape, 6), normal(3, 3, 6, 7), normal(*shape, 7)
    results = []
    for convolution in (plain_convolution, winograd.winograd_convolution):

        def run(images, kernel, convolution=convolution):
            with tf.GradientTape() as tape:
                tape.watch((images, kernel))
                outputs = convolution(images, kernel)
                loss = tf.reduce_sum(outputs * weights)
            return outputs, *tape.gradient(loss, (images, kernel))

        results.append((run if eager else tf.function(run))(images, kernel))
    for one, other in zip(*results):
        assert one.shape == other.shape
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4)


def convolution_kinds(images_shape, channels, filters, dtype="float32"):
    """Sizes of the kernels of the convolutions that a 3x3 layer makes of such images."""
    layer = plain.conv2d(filters, 3, False, dtype=dtype)
    layer.build((*images_shape, channels))
    spec = tf.TensorSpec((*images_shape, channels), layer.compute_dtype)
    operations = tf.function(layer).get_concrete_function(spec).graph.get_operations()
    return {tuple(op.inputs[1].shape[:2]) for op in operations if op.type == "Conv2D"}


@pytest.fixture
def no_switch(monkeypatch):
    monkeypatch.delenv(winograd.SWITCH, raising=False)


def test_it_is_chosen_where_channels_are_many(no_switch):
    assert convolution_kinds((None, 8, 8), 64, 128) == {(1, 3)}
    assert convolution_kinds((None, 32, 32), 64, 64) == {(1, 3)}
    assert convolution_kinds((None, 64, 64), 64, 64) == {(3, 3)}  # too large a map
    assert convolution_kinds((None, 8, 8), 32, 128) == {(3, 3)}  # too few channels
    assert convolution_kinds((None, 6, 6), 64, 64) == {(3, 3)}  # 4 divides no 6
    assert convolution_kinds((None, None, None), 64, 64) == {(3, 3)}


def test_it_is_not_chosen_where_it_loses_digits(no_switch, monkeypatch):
    assert convolution_kinds((None, 8, 8), 64, 64, "mixed_bfloat16") == {(3, 3)}
    devices = {"GPU": ["GPU:0"], "TPU": []}
    monkeypatch.setattr(tf.config, "list_logical_devices", devices.get)
    assert convolution_kinds((None, 8, 8), 64, 64) == {(3, 3)}


def test_the_switch_decides(monkeypatch):
    monkeypatch.setenv(winograd.SWITCH, "0")
    assert convolution_kinds((None, 8, 8), 64, 64) == {(3, 3)}
    monkeypatch.setenv(winograd.SWITCH, "1")
    assert convolution_kinds((None, 8, 8), 64, 64, "mixed_bfloat16") == {(1, 3)}


def test_dynamic_batches_and_the_graph_keep_the_shape():
    images = normal(5, 8, 8, 64)
    layer = plain.conv2d(64, 3, True)
    layer.build(images.shape)
    outputs = tf.function(layer, input_signature=[tf.TensorSpec((None, 8, 8, 64))])(images)
    expected = plain_convolution(images, layer.normalized_kernel()) + layer.bias
    np.testing.assert_allclose(outputs, expected, rtol=1e-4, atol=1e-4)
