"""3x3 convolution of stride 1 with half of the multiplications.

Winograd's F(4, 3) along the height: four rows of output from six transformed rows of input, one
1x3 convolution each, where the plain form needs three for every row (Lavin & Gray,
arXiv:1509.09308). GPU libraries choose such forms themselves; oneDNN on CPUs does not.
"""

import os

import numpy as np
import tensorflow as tf

from sagan_tf.layers.recomputation import bilinear

SWITCH = "SAGAN_TF_WINOGRAD"  # environment variable: 0 never, 1 on every device

# Lavin & Gray, section 4.3 (F(4x4, 3x3), one dimension of it).
_INPUT = [
    [4, 0, -5, 0, 1, 0],
    [0, -4, -4, 1, 1, 0],
    [0, 4, -4, -1, 1, 0],
    [0, -2, -1, 2, 1, 0],
    [0, 2, -1, -2, 1, 0],
    [0, 4, 0, -5, 0, 1],
]
_KERNEL = [
    [1 / 4, 0, 0],
    [-1 / 6, -1 / 6, -1 / 6],
    [-1 / 6, 1 / 6, -1 / 6],
    [1 / 24, 1 / 12, 1 / 6],
    [1 / 24, -1 / 12, 1 / 6],
    [0, 0, 1],
]
_OUTPUT = [
    [1, 1, 1, 1, 1, 0],
    [0, 1, -1, 2, -2, 0],
    [0, 1, 1, 4, 4, 0],
    [0, 1, -1, 8, -8, 1],
]
_ROWS, _TRANSFORMED = 4, 6


def convolution(images, kernel):
    """`tf.nn.conv2d(images, kernel, 1, "SAME")`, in the faster of the two forms here.

    Args:
        images: (b, h, w, in).
        kernel: (3, 3, in, out).
    """
    if _is_faster(images, kernel):
        return winograd_convolution(images, kernel)
    return tf.nn.conv2d(images, kernel, 1, "SAME")


def _is_faster(images, kernel):
    """Where the transforms cost less than they save, and in a precision that can afford them."""
    height, channels = images.shape[1], min(kernel.shape[2:])
    if height is None or height % _ROWS or channels < max(64, 2 * height):
        return False
    if os.environ.get(SWITCH) in ("0", "1"):
        return os.environ[SWITCH] == "1"
    # In bfloat16, and in what GPUs and TPUs make of float32, the transforms lose digits.
    accelerators = tf.config.list_logical_devices("GPU") + tf.config.list_logical_devices("TPU")
    return images.dtype == tf.float32 and not accelerators


@bilinear
def winograd_convolution(images, kernel):
    """The same result, for heights that 4 divides; arguments as for `convolution`."""
    _, height, width, channels = images.shape
    filters, groups = kernel.shape[-1], height // _ROWS
    to_input, to_output = _transforms(groups)
    transform = tf.constant(_KERNEL, kernel.dtype)
    kernels = tf.reshape(
        tf.matmul(transform, tf.reshape(kernel, (3, -1))), (_TRANSFORMED, 1, 3, channels, filters)
    )
    rows = tf.reshape(images, (-1, height, width * channels))
    transformed = tf.matmul(tf.constant(to_input[None], images.dtype), rows)  # (b, 6*h/4, w*in)
    products = [
        tf.nn.conv2d(tf.reshape(part, (-1, groups, width, channels)), part_kernel, 1, "SAME")
        for part, part_kernel in zip(
            tf.split(transformed, _TRANSFORMED, axis=1), tf.unstack(kernels)
        )
    ]
    products = tf.reshape(tf.concat(products, axis=1), (-1, _TRANSFORMED * groups, width * filters))
    outputs = tf.matmul(tf.constant(to_output[None], images.dtype), products)  # (b, h, w*out)
    return tf.reshape(outputs, (-1, height, width, filters))


def _transforms(groups):
    """The maps from all rows to all transformed rows, (6g, 4g), and back, (4g, 6g)."""
    height = _ROWS * groups
    to_input = np.zeros((_TRANSFORMED, groups, height + 2), np.float32)  # with rows of padding
    to_output = np.zeros((height, _TRANSFORMED, groups), np.float32)
    for group in range(groups):
        first = _ROWS * group
        to_input[:, group, first : first + _TRANSFORMED] = _INPUT
        to_output[first : first + _ROWS, :, group] = _OUTPUT
    return to_input[..., 1:-1].reshape(-1, height), to_output.reshape(height, -1)
