"""Doubling and halving of images, alone and merged with the 3x3 convolution beside it.

A 3x3 convolution of an image whose pixels were doubled, or one whose result is averaged over 2x2
squares, is a 4x4 convolution of stride 2 (transposed, for doubling) with a kernel of sums of the
3x3 kernel's: the same numbers for 4/9 of the multiplications, and no large image in between.
"""

import keras
import numpy as np
import tensorflow as tf

from sagan_tf.layers.spectral_norm import SpectralConv2D

# From this size of the larger image on the 4x4 form is faster; below it, the kernels are larger
# than the images and what it costs to make them decides.
_SMALLEST_MERGED = 16

# (4, 3): row i of the 4x4 kernel of a sum over pairs of rows adds the 3x3 kernel's rows i-1 and i.
_PAIRS = np.eye(4, 3) + np.eye(4, 3, k=-1)
_POOLING = np.kron(_PAIRS, _PAIRS).astype(np.float32) / 4  # (16, 9)
_DOUBLING = _POOLING[::-1] * 4  # a transposed convolution turns its kernel round


@tf.custom_gradient
def upsample(images):
    """Doubles height and width by repeating pixels: (b, h, w, c) -> (b, 2h, 2w, c)."""
    batch = tf.shape(images)[0]
    _, height, width, channels = images.shape
    repeated = tf.tile(images[:, :, None, :, None, :], (1, 1, 2, 1, 2, 1))  # (b, h, 2, w, 2, c)
    outputs = tf.reshape(repeated, (batch, 2 * height, 2 * width, channels))
    # The sum over each 2x2 square; as pooling it is several times faster than TensorFlow's own
    # gradient of `tile`, a reduction over two inner axes.
    return outputs, lambda gradient: 4.0 * downsample(gradient)


def downsample(images):
    """Halves height and width by averaging: (b, h, w, c) -> (b, h/2, w/2, c)."""
    return tf.nn.avg_pool2d(images, 2, 2, "VALID")


def upsampled_convolution(images, kernel):
    """`conv(upsample(images))`: (b, h, w, in) and (3, 3, in, out) -> (b, 2h, 2w, out)."""
    _, height, width, _ = images.shape
    if 2 * height < _SMALLEST_MERGED:
        return tf.nn.conv2d(upsample(images), kernel, 1, "SAME")
    kernel = tf.transpose(_merged(_DOUBLING, kernel), (0, 1, 3, 2))  # (4, 4, out, in)
    shape = (tf.shape(images)[0], 2 * height, 2 * width, kernel.shape[2])
    return tf.nn.conv2d_transpose(images, kernel, shape, 2, "SAME")


def convolution_downsampled(images, kernel):
    """`downsample(conv(images))`: (b, h, w, in) and (3, 3, in, out) -> (b, h/2, w/2, out)."""
    if images.shape[1] < _SMALLEST_MERGED:
        return downsample(tf.nn.conv2d(images, kernel, 1, "SAME"))
    return tf.nn.conv2d(images, _merged(_POOLING, kernel), 2, "SAME")


def _merged(sums, kernel):
    """The (4, 4, in, out) kernel whose entries are these sums of a (3, 3, in, out) kernel's."""
    flat = tf.reshape(kernel, (9, -1))
    return tf.reshape(tf.matmul(tf.cast(sums, kernel.dtype), flat), (4, 4, *kernel.shape[2:]))


class _Upsampled:
    """Mixin for a 3x3 convolution: of the upsampled input."""

    def convolution_op(self, inputs, kernel):
        return upsampled_convolution(inputs, kernel)

    def compute_output_shape(self, input_shape):
        batch, height, width, _ = input_shape
        return (batch, 2 * height, 2 * width, self.filters)


class _Downsampled:
    """Mixin for a 3x3 convolution: with a downsampled output."""

    def convolution_op(self, inputs, kernel):
        return convolution_downsampled(inputs, kernel)

    def compute_output_shape(self, input_shape):
        batch, height, width, _ = input_shape
        return (batch, height // 2, width // 2, self.filters)


class UpsampledConv2D(_Upsampled, keras.layers.Conv2D):
    """A 3x3 convolution of the input with doubled pixels."""


class DownsampledConv2D(_Downsampled, keras.layers.Conv2D):
    """A 3x3 convolution averaged over 2x2 squares."""


class SpectralUpsampledConv2D(_Upsampled, SpectralConv2D):
    """`UpsampledConv2D`, spectrally normalized as the 3x3 kernel that it is."""


class SpectralDownsampledConv2D(_Downsampled, SpectralConv2D):
    """`DownsampledConv2D`, spectrally normalized as the 3x3 kernel that it is."""
