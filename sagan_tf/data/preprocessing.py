"""Pixel operations: crop to a square, resize, convert channels, composite, orient, mirror.

Every function takes and returns uint8 images (h, w, c), runs eagerly and inside `tf.data`, and
uses no random numbers. `decoding.py` applies them to encoded images.
"""

from __future__ import annotations

import tensorflow as tf


def square_window(height, width):
    """Returns the largest centred square of an image: (top, left, side).

    If the margin is odd, the larger part is cut at the top or left. So does the script that made
    the paper's ImageNet records (`convert_imagenet_to_records.py` of openai/improved-gan).
    """
    side = tf.minimum(height, width)
    return (height - side + 1) // 2, (width - side + 1) // 2, side


def crop_square(image):
    """Crops an image (h, w, c) to its largest centred square."""
    shape = tf.shape(image)
    top, left, side = square_window(shape[0], shape[1])
    return image[top : top + side, left : left + side]


def resize(images, resolution):
    """Resizes squares to (resolution, resolution) without aliasing.

    A reduction takes exact area averages; bilinear sampling would add moiré patterns, which the
    generator would learn. An enlargement is bilinear.

    Args:
        images: uint8 (..., side, side, c), three or four dimensions.
        resolution: pixels of a side.
    """
    size = (resolution, resolution)
    resized = tf.cond(
        tf.shape(images)[-2] > resolution,
        lambda: tf.image.resize(images, size, method="area"),
        lambda: tf.image.resize(images, size, method="bilinear"),
    )
    return _to_uint8(resized)


def resize_as_released(image, resolution):
    """Resizes a square as the SAGAN example released with TensorFlow GAN does.

    It is bilinear from corner to corner (`tf.image.crop_and_resize`), without anti-aliasing. Use
    it only to compare scores with that code.

    Args:
        image: uint8 (side, side, c).
        resolution: pixels of a side.
    """
    whole = [[0.0, 0.0, 1.0, 1.0]]
    return _to_uint8(tf.image.crop_and_resize(image[None], whole, [0], (resolution, resolution))[0])


def _to_uint8(images):
    return tf.cast(images + 0.5, tf.uint8)  # interpolation never leaves [0, 255]


def convert_channels(images, channels):
    """Converts gray to RGB by repetition, RGB to gray by luminance (ITU-R BT.601).

    Args:
        images: uint8 (..., h, w, 1 or 3).
        channels: 1 or 3.
    """
    if images.shape[-1] == channels:
        return images
    if channels == 3:
        return tf.image.grayscale_to_rgb(images)
    return tf.image.rgb_to_grayscale(images)


def composite(image, background):
    """Composites an image with alpha on a flat background.

    Args:
        image: uint8 (h, w, 4), alpha not premultiplied.
        background: gray value of the background, 0 to 255.

    Returns:
        uint8 (h, w, 3).
    """
    alpha = tf.cast(image[..., 3:], tf.int32)
    colour = tf.cast(image[..., :3], tf.int32)
    return tf.cast((colour * alpha + background * (255 - alpha) + 127) // 255, tf.uint8)


def orient(image, orientation):
    """Rotates and mirrors a square image upright.

    Args:
        image: uint8 (side, side, c).
        orientation: int scalar, value of the EXIF tag, 1 to 8.
    """
    image = tf.cond(orientation >= 5, lambda: tf.transpose(image, (1, 0, 2)), lambda: image)
    mirrored = tf.reduce_any(orientation == [2, 3, 6, 7])
    upside_down = tf.reduce_any(orientation == [3, 4, 7, 8])
    image = tf.cond(mirrored, lambda: image[:, ::-1], lambda: image)
    return tf.cond(upside_down, lambda: image[::-1], lambda: image)


def pad_to_square(images, size):
    """Centres images on a black square of `size` pixels a side; returns larger images unchanged.

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
    """Mirrors left to right the images (batch, h, w, c) where `where` (batch,) is True."""
    return tf.where(where[:, None, None, None], tf.reverse(images, axis=[2]), images)
