"""Check that the weights of a model are finite.

Losses and gradients do not show every NaN. On CPUs, oneDNN joins a convolution with its relu, and
this relu turns NaN into 0. The networks then go on with finite losses.
"""

import tensorflow as tf

from sagan_tf.keras_compat import named_variables

_NETWORKS = ("generator", "discriminator", "ema_generator")


class WeightCheck:
    """Finds weights of a `SAGAN` that are not finite, in one pass over all of them.

    Args:
        model: `SAGAN`.
    """

    def __init__(self, model):
        weights = {
            f"{network}/{path}": variable
            for network in _NETWORKS
            for path, variable in named_variables(getattr(model, network)).items()
        }
        self._names = list(weights)

        @tf.function
        def are_finite():
            tensors = map(tf.convert_to_tensor, weights.values())
            return tf.stack([tf.reduce_all(tf.math.is_finite(tensor)) for tensor in tensors])

        self._are_finite = are_finite

    def first_nonfinite(self):
        """Returns the path of a weight that is not finite, or None if all are."""
        for name, is_finite in zip(self._names, self._are_finite().numpy()):
            if not is_finite:
                return name
        return None
