"""The exponential moving average of the generator."""

import tensorflow as tf

from sagan_tf.keras_compat import named_layers, named_variables, tf_variable
from sagan_tf.layers.spectral_norm import SpectralNormalized


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

    Weights and batch-norm statistics are averaged; singular vectors are copied, since an average
    of unit vectors is none and the power iteration starts from them again.

    Args:
        average: the network that holds the average; it starts as a copy of `source`.
        source: the network that is trained.
    """

    def __init__(self, average, source):
        singular = {
            f"{path}/u"
            for path, layer in named_layers(source)
            if isinstance(layer, SpectralNormalized)
        }
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
            # One pass over the weights, where Keras's `assign_sub` makes three.
            tf.raw_ops.ResourceApplyGradientDescent(
                var=tf_variable(average).handle,
                alpha=1.0 - decay,
                delta=tf.subtract(average, source),
            )
        for average, source in self._copied:
            average.assign(source)
