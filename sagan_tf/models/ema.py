"""The exponential moving average of the generator."""

import tensorflow as tf

from sagan_tf.keras_compat import named_variables, tf_variable
from sagan_tf.models.accumulation import singular_vectors
from sagan_tf.ops.moving_average import move


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
