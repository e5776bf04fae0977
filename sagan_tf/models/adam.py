"""Adam with one operation a variable."""

import keras
import tensorflow as tf

from sagan_tf.config import DEFAULTS
from sagan_tf.keras_compat import adam_moments


@keras.saving.register_keras_serializable(package="sagan_tf")
class Adam(keras.optimizers.Adam):
    """`keras.optimizers.Adam` whose update is TensorFlow's own, in one pass over the weights.

    Keras writes an update as a dozen operations that each read and write as many numbers as there
    are weights. Settings Keras alone knows (`amsgrad`) and sparse gradients go its way.

    Args:
        Those of `keras.optimizers.Adam`.

    Reference: Kingma & Ba, arXiv:1412.6980.
    """

    def update_step(self, gradient, variable, *learning_rate):
        """Moves a variable; Keras 3 passes the learning rate."""
        if self.amsgrad or isinstance(gradient, tf.IndexedSlices):
            super().update_step(gradient, variable, *learning_rate)
            return
        rate = tf.cast(learning_rate[0] if learning_rate else self.learning_rate, gradient.dtype)
        step = tf.cast(self.iterations + 1, gradient.dtype)
        momentum, velocity = adam_moments(self, variable)
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=momentum.handle,
            v=velocity.handle,
            beta1_power=tf.pow(tf.cast(self.beta_1, step.dtype), step),
            beta2_power=tf.pow(tf.cast(self.beta_2, step.dtype), step),
            lr=rate,
            beta1=self.beta_1,
            beta2=self.beta_2,
            epsilon=self.epsilon,
            grad=gradient,
        )


def adam(
    learning_rate,
    beta_1=DEFAULTS.beta_1,
    beta_2=DEFAULTS.beta_2,
    epsilon=DEFAULTS.adam_epsilon,
):
    """The paper's optimizer: Adam without momentum."""
    return Adam(learning_rate, beta_1, beta_2, epsilon)
