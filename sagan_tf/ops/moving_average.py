"""The update of an exponential moving average."""

import tensorflow as tf

from sagan_tf.ops import forms


def move(average, value, decay):
    """Assigns `decay * average + (1 - decay) * value` to a variable.

    Args:
        average: `tf.Variable`.
        value: tensor or variable of the same shape and dtype.
        decay: float32 scalar tensor.
    """
    (reference if forms.form("moving_average") == "reference" else _one_pass)(average, value, decay)


def reference(average, value, decay):
    """The plain form of `move`."""
    average.assign(decay * average + (1.0 - decay) * value)


def _one_pass(average, value, decay):
    # Two passes over the weights, where `assign_sub` makes three.
    tf.raw_ops.ResourceApplyGradientDescent(
        var=average.handle, alpha=1.0 - decay, delta=tf.subtract(average, value)
    )
