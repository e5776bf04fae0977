"""Grids of images, and PNG files."""

import numpy as np
import tensorflow as tf

from sagan_tf import files


def image_grid(images, columns, gap=2, background=255):
    """Tiles images row by row into one.

    Args:
        images: uint8 (n, h, w, c).
        columns: images in a row; the last row is filled up with background.
        gap: pixels between images and around them.
        background: gray value of gaps, 0 to 255.

    Returns:
        uint8 (height, width, c).
    """
    images = np.asarray(images)
    count, height, width, channels = images.shape
    rows = -(-count // columns)
    shape = (rows * (height + gap) + gap, columns * (width + gap) + gap, channels)
    grid = np.full(shape, background, np.uint8)
    for index, image in enumerate(images):
        top = gap + (index // columns) * (height + gap)
        left = gap + (index % columns) * (width + gap)
        grid[top : top + height, left : left + width] = image
    return grid


def enlarge(image, factor):
    """Repeats pixels: (h, w, c) -> (h * factor, w * factor, c)."""
    return np.repeat(np.repeat(image, factor, axis=0), factor, axis=1)


def save_png(path, image):
    """Writes a uint8 (h, w, c) image, 1 or 3 channels, as a PNG file, whole or not at all."""
    files.write_whole(path, tf.io.encode_png(image).numpy())
