"""3x3 convolution with a fraction of the multiplications: Winograd's minimal filtering.

F(m x m, 3x3) cuts the output into squares of m x m pixels. A square's (m+2)^2 input pixels and the
kernel's 9 weights are each mapped to (m+2)^2 numbers; their products, summed over the channels,
map to the m^2 outputs. So 16 or 36 products do the work of 36 or 144, as many matrix products over
all squares (Lavin & Gray, arXiv:1509.09308, section 4). GPU libraries choose such forms
themselves; oneDNN on CPUs does not, and is slow with large kernels on small images.
"""

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from sagan_tf.ops.bilinear import bilinear

# By m, the maps in one dimension: of the input, of the kernel, to the output (section 4.1; 4.3).
_TRANSFORMS = {
    2: (
        [[1, 0, -1, 0], [0, 1, 1, 0], [0, -1, 1, 0], [0, 1, 0, -1]],
        [[1, 0, 0], [1 / 2, 1 / 2, 1 / 2], [1 / 2, -1 / 2, 1 / 2], [0, 0, 1]],
        [[1, 1, 1, 0], [0, 1, -1, -1]],
    ),
    4: (
        [
            [4, 0, -5, 0, 1, 0],
            [0, -4, -4, 1, 1, 0],
            [0, 4, -4, -1, 1, 0],
            [0, -2, -1, 2, 1, 0],
            [0, 2, -1, -2, 1, 0],
            [0, 4, 0, -5, 0, 1],
        ],
        [
            [1 / 4, 0, 0],
            [-1 / 6, -1 / 6, -1 / 6],
            [-1 / 6, 1 / 6, -1 / 6],
            [1 / 24, 1 / 12, 1 / 6],
            [1 / 24, -1 / 12, 1 / 6],
            [0, 0, 1],
        ],
        [[1, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0], [0, 1, -1, 8, -8, 1]],
    ),
}


class _Axis(NamedTuple):
    """The maps along the height or the width of whole images."""

    to_input: np.ndarray  # (products, tiles, input pixels)
    kernel: np.ndarray  # (products, 3)
    to_output: np.ndarray  # (output pixels, products, tiles)


def best_tile(images, kernel, resampling):
    """The tile size m, 2 or 4, that is faster than `tf.nn.conv2d` on a CPU, or None.

    The thresholds are measured: see benchmarks/README.md.
    """
    if images.shape[1] is None or images.shape[2] is None:
        return None
    doubling = 2 if resampling == "up" else 1
    height, width = (doubling * size for size in images.shape[1:3])
    size, channels = max(height, width), min(kernel.shape[2:])
    is_half = images.dtype.size < 4
    if channels < max(128, (16 if resampling else 4) * size) or (is_half and size > 16):
        return None
    # F(4x4) maps a kernel to four times its weights, and loses digits that bfloat16 lacks.
    tile = 2 if channels >= 64 * size or is_half else 4
    return None if height % tile or width % tile else tile


def convolution(images, kernel, tile, resampling=None):
    """Computes what `conv3x3.reference` computes.

    Upsampling the input makes one product of each dimension 0, and averaging the output does not
    need it: then 9 products do instead of 16, and 25 instead of 36.

    Args:
        images: (b, h, w, in).
        kernel: (3, 3, in, out).
        tile: m, 2 or 4; divides height and width of the larger images.
        resampling: None, "up" or "down".
    """
    rows, columns = (_axis(size, tile, resampling) for size in images.shape[1:3])
    to_products = np.kron(rows.kernel, columns.kernel)  # (products, 9)

    @bilinear
    def winograd(images, kernel):
        channels, filters = kernel.shape[2:]
        kernels = tf.matmul(tf.constant(to_products, kernel.dtype), tf.reshape(kernel, (9, -1)))
        kernels = tf.reshape(kernels, (-1, channels, filters))
        tiles = _transform_input(images, rows, columns)
        with tf.name_scope("products"):
            tiles = tf.matmul(tiles, kernels)
        return _transform_output(tiles, rows, columns)

    return winograd(images, kernel)


def _transform_input(images, rows, columns):
    """(b, h, w, c) -> (products, b * tiles, c)."""
    _, height, width, channels = images.shape
    images = tf.reshape(images, (-1, height, width * channels))
    images = _multiply(rows.to_input.reshape(-1, height), images)
    images = tf.reshape(images, (-1, width, channels))
    images = _multiply(columns.to_input.reshape(-1, width), images)
    shape = (-1, *rows.to_input.shape[:2], *columns.to_input.shape[:2], channels)
    tiles = tf.transpose(tf.reshape(images, shape), (1, 3, 0, 2, 4, 5))
    return tf.reshape(tiles, (len(rows.kernel) * len(columns.kernel), -1, channels))


def _transform_output(tiles, rows, columns):
    """(products, b * tiles, c) -> (b, h, w, c)."""
    channels = tiles.shape[-1]
    height, row_products, row_tiles = rows.to_output.shape
    width, column_products, column_tiles = columns.to_output.shape
    shape = (row_products, column_products, -1, row_tiles, column_tiles, channels)
    images = tf.transpose(tf.reshape(tiles, shape), (2, 0, 3, 1, 4, 5))
    images = tf.reshape(images, (-1, column_products * column_tiles, channels))
    images = _multiply(columns.to_output.reshape(width, -1), images)
    images = tf.reshape(images, (-1, row_products * row_tiles, width * channels))
    images = _multiply(rows.to_output.reshape(height, -1), images)
    return tf.reshape(images, (-1, height, width, channels))


def _multiply(matrix, batch):
    return tf.matmul(tf.constant(matrix[None], batch.dtype), batch)


def _axis(size, tile, resampling):
    to_input, kernel, to_output = (np.array(part, np.float32) for part in _TRANSFORMS[tile])
    products = tile + 2
    full_size = 2 * size if resampling == "up" else size
    tiles = full_size // tile
    inputs = np.zeros((products, tiles, full_size + 2), np.float32)  # with a border of padding
    outputs = np.zeros((full_size, products, tiles), np.float32)
    for i in range(tiles):
        inputs[:, i, tile * i : tile * i + products] = to_input
        outputs[tile * i : tile * (i + 1), :, i] = to_output
    inputs = inputs[..., 1:-1]
    if resampling == "up":
        inputs = inputs.reshape(products, tiles, size, 2).sum(axis=-1)
    elif resampling == "down":
        outputs = outputs.reshape(size // 2, 2, products, tiles).mean(axis=1)
    needed = inputs.any(axis=(1, 2)) & outputs.any(axis=(0, 2))
    return _Axis(inputs[needed], kernel[needed], outputs[:, needed])
