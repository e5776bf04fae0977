"""The residual blocks of the generator and the discriminator.

A shortcut runs its 1x1 convolution at the smaller resolution. A 1x1 convolution commutes with
nearest upsampling and with average pooling, so the result is the same for a quarter of the work.

Keras passes `training` of the outermost call on to every layer inside it.
"""

import keras
import tensorflow as tf

from sagan_tf.layers.conditional_batch_norm import (
    EPSILON,
    MOMENTUM,
    ConditionalBatchNormalization,
)
from sagan_tf.layers.spectral_norm import conv2d
from sagan_tf.ops.resampling import downsample, upsample


@keras.saving.register_keras_serializable(package="sagan_tf")
class GeneratorBlock(keras.layers.Layer):
    """Residual block that doubles the resolution, with conditional batch normalization.

    Norm, relu, upsample, 3x3, norm, relu, 3x3; the shortcut is upsampled through a 1x1
    convolution (the released code; SNGAN's block, arXiv:1802.05957 appendix B).

    Args:
        filters: output channels.
        num_classes: classes of the batch normalization; None for a plain one.
        spectral_norm: whether convolutions are spectrally normalized.
        batch_norm_momentum, batch_norm_epsilon: see `ConditionalBatchNormalization`.
        **kwargs: those of `keras.layers.Layer`.

    Input shape: (b, h, w, c), and labels (b,). Output shape: (b, 2h, 2w, filters).
    """

    def __init__(
        self,
        filters,
        num_classes=None,
        spectral_norm=True,
        batch_norm_momentum=MOMENTUM,
        batch_norm_epsilon=EPSILON,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.filters = filters
        self.num_classes = num_classes
        self.spectral_norm = spectral_norm
        self.batch_norm_momentum = batch_norm_momentum
        self.batch_norm_epsilon = batch_norm_epsilon
        self.norm1 = self._norm("norm1")
        self.norm2 = self._norm("norm2")
        policy = self.dtype_policy
        self.conv1 = conv2d(filters, 3, spectral_norm, "up", dtype=policy, name="conv1")
        self.conv2 = conv2d(filters, 3, spectral_norm, dtype=policy, name="conv2")
        self.shortcut = conv2d(filters, 1, spectral_norm, dtype=policy, name="shortcut")

    def _norm(self, name):
        return ConditionalBatchNormalization(
            self.num_classes,
            self.batch_norm_momentum,
            self.batch_norm_epsilon,
            dtype=self.dtype_policy,
            name=name,
        )

    def build(self, input_shape):
        """Builds the convolutions and norms."""
        hidden_shape = (*input_shape[:-1], self.filters)
        for layer in (self.norm1, self.conv1, self.shortcut):
            layer.build(input_shape)
        for layer in (self.norm2, self.conv2):
            layer.build(hidden_shape)
        self.built = True

    def call(self, inputs, labels=None, training=False):
        """Runs the block; `training=True` normalizes by the batch's moments, and moves `u`."""
        hidden = tf.nn.relu(self.norm1(inputs, labels))
        hidden = self.conv1(hidden)  # upsamples, then convolves: (b, 2h, 2w, filters)
        hidden = tf.nn.relu(self.norm2(hidden, labels))
        return self.conv2(hidden) + upsample(self.shortcut(inputs))

    def get_config(self):
        """Arguments that build this layer again."""
        return {
            **super().get_config(),
            "filters": self.filters,
            "num_classes": self.num_classes,
            "spectral_norm": self.spectral_norm,
            "batch_norm_momentum": self.batch_norm_momentum,
            "batch_norm_epsilon": self.batch_norm_epsilon,
        }


@keras.saving.register_keras_serializable(package="sagan_tf")
class DiscriminatorBlock(keras.layers.Layer):
    """Residual block without normalization: relu, 3x3, relu, 3x3, average pooling.

    The shortcut has a 1x1 convolution if the block pools or changes the number of channels, else
    it is the identity (the released code; SNGAN's block, arXiv:1802.05957 appendix B).

    Args:
        filters: output channels.
        hidden_filters: channels between the two convolutions; None means `filters`.
        downsample: whether to halve the resolution.
        preactivation: whether to begin with relu; the discriminator's first block does not.
        spectral_norm: whether convolutions are spectrally normalized.
        **kwargs: those of `keras.layers.Layer`.

    Input shape: (b, h, w, c). Output shape: (b, h/2, w/2, filters), or (b, h, w, filters).
    """

    def __init__(
        self,
        filters,
        hidden_filters=None,
        downsample=True,
        preactivation=True,
        spectral_norm=True,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.filters = filters
        self.hidden_filters = hidden_filters or filters
        self.downsample = downsample
        self.preactivation = preactivation
        self.spectral_norm = spectral_norm
        policy = self.dtype_policy
        self.conv1 = conv2d(self.hidden_filters, 3, spectral_norm, dtype=policy, name="conv1")
        resampling = "down" if downsample else None
        self.conv2 = conv2d(filters, 3, spectral_norm, resampling, dtype=policy, name="conv2")

    def build(self, input_shape):
        """Builds the convolutions; the input's channels decide on the shortcut."""
        self.conv1.build(input_shape)
        self.conv2.build((*input_shape[:-1], self.hidden_filters))
        self.shortcut = None
        if self.downsample or input_shape[-1] != self.filters:
            self.shortcut = conv2d(
                self.filters, 1, self.spectral_norm, dtype=self.dtype_policy, name="shortcut"
            )
            self.shortcut.build(input_shape)
        self.built = True

    def call(self, inputs, training=False):
        """Runs the block; `training=True` moves the `u` of spectral normalization."""
        hidden = tf.nn.relu(inputs) if self.preactivation else inputs
        hidden = tf.nn.relu(self.conv1(hidden))
        hidden = self.conv2(hidden)  # convolves, then averages 2x2 pixels if `downsample`
        if self.downsample:
            inputs = downsample(inputs)
        return hidden + (inputs if self.shortcut is None else self.shortcut(inputs))

    def get_config(self):
        """Arguments that build this layer again."""
        return {
            **super().get_config(),
            "filters": self.filters,
            "hidden_filters": self.hidden_filters,
            "downsample": self.downsample,
            "preactivation": self.preactivation,
            "spectral_norm": self.spectral_norm,
        }
