"""Batch normalization whose scale and offset are looked up by class."""

import keras
import tensorflow as tf

from sagan_tf.config import DEFAULTS
from sagan_tf.keras_compat import NO_AUTOCAST
from sagan_tf.layers import recomputation


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
            shape = (tf.shape(inputs)[0], 2, inputs.shape[-1])
            looked_up = tf.broadcast_to(scale_and_offset, shape)
        else:
            looked_up = tf.gather(scale_and_offset, labels)
        scale, offset = tf.unstack(tf.cast(looked_up, tf.float32), axis=1)  # (b, c)
        with tf.name_scope("batch_norm"):
            if not (training and self.normalization.trainable):
                return _affine(inputs, *self._inference_moments(), scale, offset, self.epsilon)[0]
            outputs, mean, variance = normalize(inputs, scale, offset, self.epsilon)
        if not recomputation.is_repeated():
            self._move(mean, variance)
        return outputs

    def _inference_moments(self):
        moving = self.normalization.moving_mean, self.normalization.moving_variance
        return [tf.cast(moment, tf.float32) for moment in moving]

    def _move(self, mean, variance):
        """Moves the moving moments towards those of a batch."""
        momentum = self.normalization.momentum
        for moving, moment in (
            (self.normalization.moving_mean, mean),
            (self.normalization.moving_variance, variance),
        ):
            old = tf.convert_to_tensor(moving)
            moving.assign(old * momentum + tf.cast(moment, old.dtype) * (1.0 - momentum))

    def get_config(self):
        """Arguments that build this layer again."""
        return {
            **super().get_config(),
            "num_classes": self.num_classes,
            "momentum": self.momentum,
            "epsilon": self.epsilon,
        }


@tf.custom_gradient
def normalize(images, scale, offset, epsilon):
    """Batch normalization over all replicas, in the fewest passes over the images.

    `(images - mean) / sqrt(variance + epsilon) * scale + offset`, each image with a scale and an
    offset of its own. The same as `keras.layers.BatchNormalization(synchronized=True)` and an
    affine map after it; that goes over the images about twice as often.

    Args:
        images: (b, h, w, c), float32 or bfloat16; everything is computed in float32.
        scale: float32 (b, c).
        offset: float32 (b, c).
        epsilon: added to the variance.

    Returns:
        The normalized images, and the mean and the variance, float32 (c,), which have no gradient.

    Reference: Ioffe & Szegedy, arXiv:1502.03167, the gradient in section 3.
    """
    inputs = tf.cast(images, tf.float32)
    positions = tf.cast(tf.shape(images)[1] * tf.shape(images)[2], tf.float32)
    mean, mean_square = _global_means(
        tf.reduce_sum(inputs, (1, 2)), tf.reduce_sum(inputs * inputs, (1, 2)), positions
    )
    variance = tf.maximum(mean_square - mean * mean, 0.0)
    outputs, inverse = _affine(images, mean, variance, scale, offset, epsilon)

    def gradient(upstream, *_):
        with tf.name_scope("batch_norm"):
            upstream = tf.cast(upstream, tf.float32)
            # Sums over an image of the gradient, and of the gradient times the normalized image.
            plain = tf.reduce_sum(upstream, (1, 2))  # (b, c)
            weighted = inverse * (tf.reduce_sum(upstream * inputs, (1, 2)) - mean * plain)
            mean_plain, mean_weighted = _global_means(scale * plain, scale * weighted, positions)
            slope = -inverse * inverse * mean_weighted
            constant = -inverse * mean_plain - slope * mean
            factor = (scale * inverse)[:, None, None, :]
            through = upstream * factor + (inputs * slope + constant)
            return tf.cast(through, images.dtype), weighted, plain, None

    return (outputs, mean, variance), gradient


def _affine(images, mean, variance, scale, offset, epsilon):
    """The normalized, scaled and shifted images, and 1 / sqrt(variance + epsilon)."""
    inverse = tf.math.rsqrt(variance + epsilon)
    factor = scale * inverse  # (b, c)
    constant = offset - mean * factor
    inputs = tf.cast(images, tf.float32)
    outputs = inputs * factor[:, None, None, :] + constant[:, None, None, :]
    return tf.cast(outputs, images.dtype), inverse


def _global_means(first, second, positions):
    """Means over all positions of all images of all replicas, of sums (b, c) over positions."""
    context = tf.distribute.get_replica_context()
    sums = tf.stack([tf.reduce_sum(first, 0), tf.reduce_sum(second, 0)])
    images = tf.cast(tf.shape(first)[0] * context.num_replicas_in_sync, tf.float32)
    return tf.unstack(context.all_reduce(tf.distribute.ReduceOp.SUM, sums) / (images * positions))
