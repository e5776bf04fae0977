"""The 3x3 convolution layers of the residual blocks."""

import keras
import tensorflow as tf

from sagan_tf.layers.spectral_norm import SpectralConv2D
from sagan_tf.ops.conv3x3 import conv3x3


class _ResamplingConv3x3:
    """Mixin for a 3x3 "same" convolution that may upsample its input or pool its output.

    Args:
        filters: output channels.
        resampling: None, "up" or "down"; see `ops.conv3x3`.
        **kwargs: those of `keras.layers.Conv2D`.
    """

    def __init__(self, filters, resampling=None, **kwargs):
        kwargs["data_format"] = "channels_last"  # whatever Keras's own configuration says
        super().__init__(filters, 3, padding="same", **kwargs)
        self.resampling = resampling

    def convolution_op(self, inputs, kernel):
        return conv3x3(inputs, tf.convert_to_tensor(kernel), self.resampling)

    def compute_output_shape(self, input_shape):
        factor = {None: 1.0, "up": 2.0, "down": 0.5}[self.resampling]
        sizes = (None if size is None else int(size * factor) for size in input_shape[1:3])
        return (input_shape[0], *sizes, self.filters)


class Conv3x3(_ResamplingConv3x3, keras.layers.Conv2D):
    """A 3x3 convolution."""


class SpectralConv3x3(_ResamplingConv3x3, SpectralConv2D):
    """A spectrally normalized 3x3 convolution."""
