"""The update of Adam for one variable."""

import tensorflow as tf

from sagan_tf.ops import forms


def adam(variable, momentum, velocity, gradient, step, learning_rate, beta_1, beta_2, epsilon):
    """Moves a variable and its two moments by one step of Adam.

    Args:
        variable: `tf.Variable` to move.
        momentum: `tf.Variable` of the same shape, the first moment.
        velocity: `tf.Variable` of the same shape, the second moment.
        gradient: a dense tensor of that shape.
        step: number of this step, from 1, as a tensor in the gradient's dtype.
        learning_rate: a tensor in the gradient's dtype.
        beta_1: decay of the first moment, in [0, 1).
        beta_2: decay of the second moment, in [0, 1).
        epsilon: added to the root of the second moment.

    Reference: Kingma & Ba, arXiv:1412.6980, the efficient form at the end of section 2.
    """
    update = reference if forms.form("adam") == "reference" else _one_pass
    update(variable, momentum, velocity, gradient, step, learning_rate, beta_1, beta_2, epsilon)


def reference(variable, momentum, velocity, gradient, step, learning_rate, beta_1, beta_2, epsilon):
    """The plain form of `adam`."""
    momentum.assign(beta_1 * momentum + (1.0 - beta_1) * gradient)
    velocity.assign(beta_2 * velocity + (1.0 - beta_2) * tf.square(gradient))
    correction = tf.sqrt(1.0 - tf.pow(beta_2, step)) / (1.0 - tf.pow(beta_1, step))
    variable.assign_sub(learning_rate * correction * momentum / (tf.sqrt(velocity) + epsilon))


def _one_pass(variable, momentum, velocity, gradient, step, learning_rate, beta_1, beta_2, epsilon):
    tf.raw_ops.ResourceApplyAdam(
        var=variable.handle,
        m=momentum.handle,
        v=velocity.handle,
        beta1_power=tf.pow(tf.cast(beta_1, step.dtype), step),
        beta2_power=tf.pow(tf.cast(beta_2, step.dtype), step),
        lr=learning_rate,
        beta1=beta_1,
        beta2=beta_2,
        epsilon=epsilon,
        grad=gradient,
    )
