"""The optimizer of both networks."""

import keras
import tensorflow as tf

from sagan_tf.config import DEFAULTS
from sagan_tf.keras_compat import adam_moments
from sagan_tf.ops.adam import adam as update


@keras.saving.register_keras_serializable(package="sagan_tf")
class Adam(keras.optimizers.Adam):
    """`keras.optimizers.Adam` with an update in one pass over the weights (`ops.adam`).

    Keras writes an update as a dozen operations, and each reads and writes as many numbers as
    there are weights. `amsgrad` and sparse gradients fall back to Keras's update.

    Args:
        Those of `keras.optimizers.Adam`.

    Reference: Kingma & Ba, arXiv:1412.6980.
    """

    def update_step(self, gradient, variable, *learning_rate):
        """Moves a variable; Keras 3 passes the learning rate."""
        if self.amsgrad or isinstance(gradient, tf.IndexedSlices):
            super().update_step(gradient, variable, *learning_rate)
            return
        dtype = gradient.dtype
        update(
            variable,
            *adam_moments(self, variable),
            gradient,
            step=tf.cast(self.iterations + 1, dtype),
            learning_rate=tf.cast(learning_rate[0] if learning_rate else self.learning_rate, dtype),
            beta_1=self.beta_1,
            beta_2=self.beta_2,
            epsilon=self.epsilon,
        )


def paper_adam(
    learning_rate,
    beta_1=DEFAULTS.beta_1,
    beta_2=DEFAULTS.beta_2,
    epsilon=DEFAULTS.adam_epsilon,
):
    """The paper's optimizer: Adam without momentum."""
    return Adam(learning_rate, beta_1, beta_2, epsilon)
