"""Image arrays as pictures: grids, enlarged pixels, RGB, PNG files."""

from __future__ import annotations

import io

import numpy as np
import tensorflow as tf
from PIL import Image

from sagan_tf import files


def image_grid(images, columns, gap=2, background=255):
    """Tiles images row by row into one.

    Args:
        images: uint8 (n, h, w, c).
        columns: images in a row; the background fills an incomplete last row.
        gap: pixels between and around the images.
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
    """Repeats each pixel: (h, w, c) -> (h * factor, w * factor, c)."""
    return np.repeat(np.repeat(image, factor, axis=0), factor, axis=1)


def enlarge_to(images, height):
    """Repeats the pixels of images (n, h, w, c) so that they are at least `height` high."""
    factor = max(-(-height // images.shape[1]), 1)
    return np.stack([enlarge(image, factor) for image in images])


def to_rgb(images):
    """Returns images (..., h, w, 1 or 3) with three channels."""
    return np.repeat(images, 3, axis=-1) if images.shape[-1] == 1 else images


def png(image):
    """Encodes a uint8 image (h, w, 1 or 3) as a PNG file; returns bytes."""
    buffer = io.BytesIO()
    Image.fromarray(to_rgb(image)).save(buffer, "png", optimize=True)
    return buffer.getvalue()


def save_png(path, image):
    """Writes a uint8 image (h, w, 1 or 3) as a PNG file, complete or not at all."""
    files.write_whole(path, tf.io.encode_png(image).numpy())
