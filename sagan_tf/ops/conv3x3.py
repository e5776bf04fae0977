"""The 3x3 convolution, alone or joined with the upsampling before or the pooling after it.

Nearest upsampling is zero insertion followed by a sum over 2x2 squares. Average pooling is a mean
over 2x2 squares followed by taking every second pixel. Sums over squares commute with the
convolution, so the convolution can run at the smaller resolution with stride 2: a quarter of the
multiplications.
"""

import tensorflow as tf

from sagan_tf.ops import forms, winograd
from sagan_tf.ops.bilinear import bilinear
from sagan_tf.ops.resampling import downsample, upsample
from sagan_tf.ops.resampling import reference as plain_upsample

# The merged form is faster for upsampled images of this size and larger.
_SMALLEST_UPSAMPLED = 16
_BORDER = ((0, 0), (1, 1), (1, 1), (0, 0))


def conv3x3(images, kernel, resampling=None):
    """A "same" convolution of stride 1 with a 3x3 kernel.

    Args:
        images: (b, h, w, in).
        kernel: (3, 3, in, out).
        resampling: None; "up" upsamples the images first, to (b, 2h, 2w, in); "down" averages the
            output over 2x2 squares, to (b, h/2, w/2, out).
    """
    form = forms.form("conv3x3")
    if form == "reference":
        return reference(images, kernel, resampling)
    tile = winograd.best_tile(images, kernel, resampling) if form == "winograd" else None
    if tile:
        return winograd.convolution(images, kernel, tile, resampling)
    return _MERGED[resampling](images, kernel)


def reference(images, kernel, resampling=None):
    """The plain form of `conv3x3`."""
    if resampling == "up":
        images = plain_upsample(images)
    outputs = tf.nn.conv2d(images, kernel, 1, "SAME")
    return downsample(outputs) if resampling == "down" else outputs


def _conv(images, kernel):
    return tf.nn.conv2d(images, kernel, 1, "SAME")


def _upsample_conv(images, kernel):
    """`conv(upsample(images))` as one transposed convolution of stride 2."""
    _, height, width, _ = images.shape
    if None in (height, width) or 2 * height < _SMALLEST_UPSAMPLED:
        return _conv(upsample(images), kernel)
    # A transposed convolution reverses its kernel.
    kernel = tf.transpose(4.0 * tf.reverse(kernel, (0, 1)), (0, 1, 3, 2))  # (3, 3, out, in)
    shape = (tf.shape(images)[0], 2 * height + 1, 2 * width + 1, kernel.shape[2])
    return _pool_inside(tf.nn.conv2d_transpose(images, kernel, shape, 2, "VALID"))


@bilinear
def _conv_downsample(images, kernel):
    """`downsample(conv(images))` as one convolution of stride 2."""
    return tf.nn.conv2d(_pool_with_border(images), kernel, 2, "VALID")


_MERGED = {None: _conv, "up": _upsample_conv, "down": _conv_downsample}


# Means over all 2x2 squares, with stride 1. Each function is the gradient of the other, and faster
# than TensorFlow's gradient of pooling.


@tf.custom_gradient
def _pool_inside(images):
    """Over squares inside the images: (b, h, w, c) -> (b, h-1, w-1, c)."""
    return tf.nn.avg_pool2d(images, 2, 1, "VALID"), _pool_with_border


@tf.custom_gradient
def _pool_with_border(images):
    """Over squares that touch the images, with zeros outside: (b, h, w, c) -> (b, h+1, w+1, c)."""
    return tf.nn.avg_pool2d(tf.pad(images, _BORDER), 2, 1, "VALID"), _pool_inside
