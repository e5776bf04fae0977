"""`training` alone decides what moves, and gradients reach every trainable weight."""

import numpy as np
import pytest
import tensorflow as tf

from tests.conformance import cases


def _values(weights):
    return [np.array(weight) for weight in weights]


@pytest.mark.parametrize("name", cases.ALL)
def test_inference_changes_no_weight(name):
    layer, inputs = cases.make(name)
    before = _values(layer.weights)
    layer(*inputs)
    layer(*inputs, training=False)
    for old, new in zip(before, layer.weights):
        np.testing.assert_array_equal(old, new)


@pytest.mark.parametrize("name", cases.ALL)
def test_training_call_changes_state_and_no_trainable_weight(name):
    layer, inputs = cases.make(name)
    trainable, state = _values(layer.trainable_weights), _values(layer.non_trainable_weights)
    layer(*inputs, training=True)
    for old, new in zip(trainable, layer.trainable_weights):
        np.testing.assert_array_equal(old, new)
    for old, new in zip(state, layer.non_trainable_weights):
        assert not np.array_equal(old, np.asarray(new)), new.name


@pytest.mark.parametrize("name", cases.ALL)
def test_gradients_reach_every_trainable_weight(name):
    layer, inputs = cases.make(name)
    for weight in layer.trainable_weights:
        if "gamma" in weight.name and weight.shape == ():
            weight.assign(0.5)  # an attention gate of 0 hides what is behind it
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(tf.sin(3.0 * tf.cast(layer(*inputs, training=True), tf.float32)))
    for weight, gradient in zip(
        layer.trainable_weights, tape.gradient(loss, layer.trainable_weights)
    ):
        assert gradient is not None, weight.name
        assert np.all(np.isfinite(tf.convert_to_tensor(gradient)))


@pytest.mark.parametrize("name", cases.ALL)
def test_eager_equals_compiled(name):
    layer, inputs = cases.make(name)
    compiled = tf.function(lambda *x: layer(*x, training=False))
    np.testing.assert_allclose(compiled(*inputs), layer(*inputs), rtol=1e-5, atol=1e-5)
