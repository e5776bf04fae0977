"""Pictures made of arrays of pixels: grids, enlarged images, RGB, PNG files."""

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


def enlarge_to(images, height):
    """Repeats the pixels of (n, h, w, c) until images are at least `height` high."""
    factor = max(-(-height // images.shape[1]), 1)
    return np.stack([enlarge(image, factor) for image in images])


def to_rgb(images):
    """Images (..., h, w, 1 or 3) with three channels."""
    return np.repeat(images, 3, axis=-1) if images.shape[-1] == 1 else images


def png(image):
    """A uint8 (h, w, c) image as a PNG file: bytes."""
    buffer = io.BytesIO()
    Image.fromarray(to_rgb(image)).save(buffer, "png", optimize=True)
    return buffer.getvalue()


def save_png(path, image):
    """Writes a uint8 (h, w, c) image, 1 or 3 channels, as a PNG file, whole or not at all."""
    files.write_whole(path, tf.io.encode_png(image).numpy())
