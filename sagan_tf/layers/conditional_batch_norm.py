"""Batch normalization whose scale and offset are looked up by class."""

import keras
import tensorflow as tf

from sagan_tf.keras_compat import NO_AUTOCAST
from sagan_tf.ops.batch_norm import batch_norm, normalize

MOMENTUM = 0.99  # Keras's default; `ExperimentConfig` says why
EPSILON = 1e-5  # the released code's


class MovingMoments(keras.layers.Layer):
    """Moving averages of the mean and the variance of the batches.

    A layer of its own, since files know the two variables by its name.

    Args:
        momentum: of the averages, in [0, 1).
        **kwargs: those of `keras.layers.Layer`.

    Input shape: images (b, h, w, c), for `build`.
    """

    def __init__(self, momentum, **kwargs):
        super().__init__(**kwargs)
        self.momentum = momentum

    def build(self, input_shape):
        """Creates the two averages, (c,)."""
        for name, initializer in (("moving_mean", "zeros"), ("moving_variance", "ones")):
            weight = self.add_weight(
                name=name,
                shape=(input_shape[-1],),
                initializer=initializer,
                trainable=False,
                **NO_AUTOCAST,
            )
            setattr(self, name, weight)
        self.built = True

    def moments(self):
        """The two averages, float32 (c,)."""
        return [tf.cast(m, tf.float32) for m in (self.moving_mean, self.moving_variance)]

    def update(self, mean, variance):
        """Moves the averages: `average = momentum * average + (1 - momentum) * moment`."""
        for average, moment in ((self.moving_mean, mean), (self.moving_variance, variance)):
            old = tf.convert_to_tensor(average)
            new = tf.cast(moment, old.dtype)
            average.assign(old * self.momentum + new * (1.0 - self.momentum))


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
        momentum=MOMENTUM,
        epsilon=EPSILON,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.num_classes = num_classes
        self.momentum = momentum
        self.epsilon = epsilon
        self.normalization = MovingMoments(momentum, dtype=self.dtype_policy, name="normalization")

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
        scale, offset = self._scale_and_offset(inputs, labels)
        moving = self.normalization
        if not (training and moving.trainable):
            mean, variance = moving.moments()
            return normalize(inputs, mean, variance, scale, offset, self.epsilon)
        outputs, mean, variance = batch_norm(inputs, scale, offset, self.epsilon)
        moving.update(mean, variance)
        return outputs

    def _scale_and_offset(self, inputs, labels):
        """`gamma` and `beta` of each image, float32 (b, c)."""
        table = tf.stack([self.gamma, self.beta], axis=-2)  # ([classes], 2, c)
        if self.num_classes is None:
            rows = tf.broadcast_to(table, (tf.shape(inputs)[0], 2, inputs.shape[-1]))
        else:
            rows = tf.gather(table, labels)  # (b, 2, c)
        return tf.unstack(tf.cast(rows, tf.float32), axis=1)

    def get_config(self):
        """Arguments that build this layer again."""
        return {
            **super().get_config(),
            "num_classes": self.num_classes,
            "momentum": self.momentum,
            "epsilon": self.epsilon,
        }
