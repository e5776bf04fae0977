"""From an image of any size and kind to what the networks see: square, resized, 1 or 3 channels.

Every function takes and returns uint8 images (h, w, c) or batches of them, runs eagerly and
inside `tf.data`, and draws nothing at random.
"""

from __future__ import annotations

import tensorflow as tf


def resize(images, resolution):
    """Resizes to (resolution, resolution), anti-aliased, still uint8.

    A triangle filter as wide as the reduction, as Pillow's `BILINEAR`; without anti-aliasing, a
    reduction would teach the generator aliasing patterns.

    Args:
        images: uint8 (..., h, w, c), three or four dimensions.
        resolution: pixels of a side.
    """
    size = (resolution, resolution)
    if tuple(images.shape[-3:-1]) == size:
        return images
    resized = tf.image.resize(images, size, method="bilinear", antialias=True)
    return tf.saturate_cast(tf.round(resized), tf.uint8)


def convert_channels(images, channels):
    """Gray to RGB by repetition, RGB to gray by luminance (ITU-R BT.601).

    Args:
        images: uint8 (..., h, w, 1 or 3).
        channels: 1 or 3.
    """
    if images.shape[-1] == channels:
        return images
    if channels == 3:
        return tf.image.grayscale_to_rgb(images)
    return tf.image.rgb_to_grayscale(images)


def pad_to_square(images, size):
    """Centres images on a black square of `size` pixels a side, larger images unchanged.

    Args:
        images: uint8 (n, h, w, c).
        size: pixels of a side.
    """
    height, width = images.shape[1:3]
    if height > size or width > size:
        return images
    return tf.image.pad_to_bounding_box(
        images, (size - height) // 2, (size - width) // 2, size, size
    )


def mirror(images, where):
    """Mirrors left to right the images (batch, h, w, c) for which `where` (batch,) is True."""
    return tf.where(where[:, None, None, None], tf.reverse(images, axis=[2]), images)
