"""Doubling and halving of images, alone and merged with the 3x3 convolution beside it.

Doubling pixels, and averaging over 2x2 squares, is to sum or average over 2x2 squares at every
place and, after or before that, to leave out every second place. Sums over squares commute with
convolutions, so the convolution can run on the fewer places: a quarter of the multiplications.
"""

import keras
import tensorflow as tf

from sagan_tf.layers import winograd
from sagan_tf.layers.recomputation import bilinear
from sagan_tf.layers.spectral_norm import SpectralConv2D

# From this size of the doubled image on the merged form is faster.
_SMALLEST_DOUBLED = 16
_BORDER = ((0, 0), (1, 1), (1, 1), (0, 0))


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
    if 2 * height < _SMALLEST_DOUBLED:
        return _convolution(upsample(images), kernel)
    # A transposed convolution turns its kernel round.
    kernel = tf.transpose(4.0 * tf.reverse(kernel, (0, 1)), (0, 1, 3, 2))  # (3, 3, out, in)
    shape = (tf.shape(images)[0], 2 * height + 1, 2 * width + 1, kernel.shape[2])
    return _inner_means(tf.nn.conv2d_transpose(images, kernel, shape, 2, "VALID"))


@bilinear
def convolution_downsampled(images, kernel):
    """`downsample(conv(images))`: (b, h, w, in) and (3, 3, in, out) -> (b, h/2, w/2, out)."""
    return tf.nn.conv2d(_outer_means(images), kernel, 2, "VALID")


# Means over the 2x2 squares at every place. The two are each other's gradient, and so faster than
# TensorFlow's own gradient of pooling.


@tf.custom_gradient
def _inner_means(images):
    """Over squares inside of the images: (b, h, w, c) -> (b, h-1, w-1, c)."""
    return tf.nn.avg_pool2d(images, 2, 1, "VALID"), _outer_means


@tf.custom_gradient
def _outer_means(images):
    """Over squares that touch the images, zeros around them: (b, h, w, c) -> (b, h+1, w+1, c)."""
    return tf.nn.avg_pool2d(tf.pad(images, _BORDER), 2, 1, "VALID"), _inner_means


def _convolution(images, kernel):
    return tf.nn.conv2d(images, kernel, 1, "SAME")


_FORMS = {None: _convolution, "up": upsampled_convolution, "down": convolution_downsampled}


class _ThreeByThree:
    """Mixin for a 3x3 "same" convolution: alone, of the upsampled input, or downsampled.

    Args:
        filters: output channels.
        resampling: None, "up" or "down".
        **kwargs: those of `keras.layers.Conv2D`.
    """

    def __init__(self, filters, resampling=None, **kwargs):
        super().__init__(filters, 3, padding="same", **kwargs)
        self.resampling = resampling

    def convolution_op(self, inputs, kernel):
        kernel = tf.convert_to_tensor(kernel)
        tile = winograd.best_tile(inputs, kernel, self.resampling)
        if tile:
            return winograd.convolution(inputs, kernel, tile, self.resampling)
        return _FORMS[self.resampling](inputs, kernel)

    def compute_output_shape(self, input_shape):
        batch, height, width, _ = input_shape
        if self.resampling == "up":
            height, width = 2 * height, 2 * width
        elif self.resampling == "down":
            height, width = height // 2, width // 2
        return (batch, height, width, self.filters)


class Conv3x3(_ThreeByThree, keras.layers.Conv2D):
    """A 3x3 convolution."""


class SpectralConv3x3(_ThreeByThree, SpectralConv2D):
    """A 3x3 convolution, spectrally normalized as the 3x3 kernel that it is."""
