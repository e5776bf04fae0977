"""Batch normalization whose scale and offset are looked up by class."""

import keras
import tensorflow as tf

from sagan_tf.config import DEFAULTS
from sagan_tf.keras_compat import NO_AUTOCAST


@keras.saving.register_keras_serializable(package="sagan_tf")
class ConditionalBatchNormalization(keras.layers.Layer):
    """Batch normalization with one scale and offset a class (Dumoulin et al., arXiv:1610.07629).

    Moments are taken over the batch of all replicas, in float32. With `num_classes=None` it is
    plain batch normalization: one scale and offset, and labels are ignored.

    Args:
        num_classes: number of classes, or None.
        momentum: of the moving statistics, in [0, 1).
        epsilon: added to the variance, above 0.
        **kwargs: those of `keras.layers.Layer`.

    Input shape: images (b, h, w, c) and labels (b,) in [0, num_classes).
    Output shape: (b, h, w, c).
    """

    def __init__(
        self,
        num_classes=None,
        momentum=DEFAULTS.batch_norm_momentum,
        epsilon=DEFAULTS.batch_norm_epsilon,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.num_classes = num_classes
        self.momentum = momentum
        self.epsilon = epsilon
        self.normalization = keras.layers.BatchNormalization(
            momentum=momentum,
            epsilon=epsilon,
            center=False,
            scale=False,
            synchronized=True,
            dtype=self.dtype_policy,
            name="normalization",
        )

    def build(self, input_shape):
        """Creates `gamma` and `beta`, (classes, c) or (c,), and the moving statistics."""
        self.normalization.build(input_shape)
        classes = () if self.num_classes is None else (self.num_classes,)
        shape = (*classes, input_shape[-1])
        self.gamma = self.add_weight(name="gamma", shape=shape, initializer="ones", **NO_AUTOCAST)
        self.beta = self.add_weight(name="beta", shape=shape, initializer="zeros", **NO_AUTOCAST)
        self.built = True

    def call(self, inputs, labels=None, training=False):
        """Normalizes by the batch's moments if `training`, else by the moving ones."""
        scale_and_offset = tf.stack([self.gamma, self.beta], axis=-2)  # ([classes], 2, c)
        if self.num_classes is None:
            scale, offset = tf.unstack(scale_and_offset)
        else:
            looked_up = tf.gather(scale_and_offset, labels)  # (b, 2, c)
            scale, offset = tf.unstack(looked_up[:, :, None, None, :], axis=1)  # (b, 1, 1, c)
        normalized = self.normalization(inputs, training=training)
        return normalized * tf.cast(scale, inputs.dtype) + tf.cast(offset, inputs.dtype)

    def get_config(self):
        """Arguments that build this layer again."""
        return {
            **super().get_config(),
            "num_classes": self.num_classes,
            "momentum": self.momentum,
            "epsilon": self.epsilon,
        }
