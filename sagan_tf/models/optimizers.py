"""The optimizer of both networks, and the exponential moving average of the generator."""

import keras
import tensorflow as tf

from sagan_tf.config import DEFAULTS
from sagan_tf.keras_compat import adam_moments, named_variables, tf_variable
from sagan_tf.layers.spectral_norm import singular_vectors
from sagan_tf.ops.adam import adam as update
from sagan_tf.ops.moving_average import move


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


def warmed_up_decay(decay, step):
    """The decay at a step: `min(decay, (1 + step) / (10 + step))`, so that short runs work.

    Args:
        decay: the final decay, in [0, 1).
        step: updates so far, an integer tensor.
    """
    step = tf.cast(step, tf.float32)
    return tf.minimum(tf.constant(decay, tf.float32), (1.0 + step) / (10.0 + step))


class MovingAverage:
    """Moves one network towards another of the same architecture.

    Weights and batch-norm statistics are averaged. Keras's `use_ema` and `SwapEMAWeights` leave
    out the statistics. `u` is copied: an average of unit vectors is not a unit vector, and the
    next power iteration refines it anyway.

    Args:
        average: the network that holds the average; it starts as a copy of `source`.
        source: the network that is trained.
    """

    def __init__(self, average, source):
        singular = singular_vectors(source)
        # By path: freezing a network changes the order of its variables in Keras 2.
        averages, sources = named_variables(average), named_variables(source)
        self._averaged = [(averages[p], sources[p]) for p in sources if p not in singular]
        self._copied = [(averages[p], sources[p]) for p in singular]

    def copy(self):
        """Makes the average equal to the source."""
        for average, source in self._averaged + self._copied:
            average.assign(source)

    def update(self, decay):
        """`average = decay * average + (1 - decay) * source`; singular vectors are copied."""
        for average, source in self._averaged:
            move(tf_variable(average), tf.convert_to_tensor(source), decay)
        for average, source in self._copied:
            average.assign(source)
