"""Adam in one operation, against Keras's."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from sagan_tf.models.optimizers import Adam

ARGUMENTS = {"learning_rate": 0.01, "beta_1": 0.3, "beta_2": 0.9, "epsilon": 1e-6}


def trained(kind, gradients, **changes):
    """The variable and all that the optimizer keeps, after a step for each gradient."""
    layer = keras.layers.Dense(2, use_bias=False, kernel_initializer="ones")
    layer.build((None, 3))
    optimizer = kind(**{**ARGUMENTS, **changes})
    optimizer.build(layer.trainable_variables)
    step = tf.function(lambda g: optimizer.apply_gradients([(g, layer.trainable_variables[0])]))
    for gradient in gradients:
        step(gradient)
    return [np.array(v) for v in (*layer.trainable_variables, *optimizer.variables)]


def gradients():
    random = np.random.default_rng(0)
    return [tf.constant(random.standard_normal((3, 2)), tf.float32) for _ in range(5)]


@pytest.mark.parametrize("changes", [{}, {"beta_1": 0.0}, {"amsgrad": True}, {"clipnorm": 0.1}])
def test_five_steps_equal_keras(changes):
    ours, theirs = (trained(k, gradients(), **changes) for k in (Adam, keras.optimizers.Adam))
    assert len(ours) == len(theirs)
    assert np.any(ours[0] != 1.0)
    for one, other in zip(ours, theirs):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-7)


def test_rows_of_an_embedding():
    rows = [tf.IndexedSlices(g[:2], tf.constant([0, 2]), tf.constant([3, 2])) for g in gradients()]
    for one, other in zip(*(trained(kind, rows) for kind in (Adam, keras.optimizers.Adam))):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-7)


def test_it_is_saved_as_what_it_is():
    again = keras.optimizers.deserialize(keras.optimizers.serialize(Adam(**ARGUMENTS)))
    assert type(again) is Adam
    for name, value in ARGUMENTS.items():
        assert float(getattr(again, name)) == pytest.approx(value)
