"""Checks and conversions of what users hand to `fit` and `train_step`."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from sagan_tf.errors import DataError

_ROUNDING = 1e-3  # how far resizing may carry a float image past [-1, 1]


def check(images, labels, discriminator):
    """Raises DataError unless `fit` can train on these.

    Arrays are checked whole, a `tf.data.Dataset` by its types and shapes; the values that a
    data set yields are checked as the step meets them.
    """
    if isinstance(images, tf.data.Dataset):
        specs = images.element_spec
        image_spec, label_spec = specs if isinstance(specs, (tuple, list)) else (specs, None)
        _check_types(image_spec, label_spec, discriminator)
    elif isinstance(images, (np.ndarray, tf.Tensor)):
        labels = labels if labels is None or tf.is_tensor(labels) else np.asarray(labels)
        _check_types(images, labels, discriminator)
        _check_values(images, labels, discriminator.num_classes)


def prepare(data, discriminator):
    """Images float32 in [-1, 1] and labels int32 from one batch as users give it.

    Args:
        data: (images, labels), or images alone for an unconditional model. Images are uint8, or
            float in [-1, 1]; labels are integers in [0, num_classes).
        discriminator: the network that will see them.

    Raises:
        DataError: types or shapes do not fit the network.
        tf.errors.InvalidArgumentError: values are out of range (not checked by XLA on TPUs).
    """
    images, labels = data if isinstance(data, (tuple, list)) and len(data) == 2 else (data, None)
    if isinstance(images, (tuple, list)):
        (images,) = images
    _check_types(images, labels, discriminator)
    if images.dtype == tf.uint8:
        images = tf.cast(images, tf.float32) / 127.5 - 1.0
    else:
        images = tf.cast(images, tf.float32)
        message = "float images must lie in [-1, 1]; uint8 images are converted"
        largest = tf.reduce_max(tf.abs(images))
        tf.debugging.assert_less_equal(largest, 1.0 + _ROUNDING, message)
    if discriminator.num_classes is None:
        return images, tf.zeros(tf.shape(images)[:1], tf.int32)
    labels = tf.cast(tf.reshape(labels, (-1,)), tf.int32)
    message = f"labels must lie in [0, {discriminator.num_classes})"
    tf.debugging.assert_non_negative(labels, message)
    tf.debugging.assert_less(labels, discriminator.num_classes, message)
    return images, labels


def _check_types(images, labels, discriminator):
    """Checks dtypes and shapes of arrays, tensors or tensor specs."""
    size, channels = discriminator.resolution, discriminator.channels
    shape = tuple(images.shape)
    if len(shape) != 4 or any(
        got not in (None, wanted) for got, wanted in zip(shape[1:], (size, size, channels))
    ):
        raise DataError(
            f"images have shape {shape}; this model takes (batch, {size}, {size}, {channels})"
        )
    image_type = tf.as_dtype(images.dtype)
    if image_type != tf.uint8 and not image_type.is_floating:
        raise DataError(
            f"images have type {image_type.name}; allowed are uint8, or float in [-1, 1]"
        )
    if discriminator.num_classes is None:
        return
    if labels is None:
        raise DataError(
            f"labels are missing; this model has num_classes={discriminator.num_classes}"
        )
    label_type = tf.as_dtype(labels.dtype)
    if not label_type.is_integer:
        raise DataError(f"labels have type {label_type.name}; they must be integers")
    if tuple(labels.shape)[1:] not in ((), (1,)):
        raise DataError(f"labels have shape {tuple(labels.shape)}; they must be one an image")


def _check_values(images, labels, num_classes):
    if tf.as_dtype(images.dtype).is_floating:
        low, high = float(np.min(images)), float(np.max(images))
        if not (low >= -1.0 - _ROUNDING and high <= 1.0 + _ROUNDING):
            raise DataError(
                f"images lie in [{low:g}, {high:g}]; floats must lie in [-1, 1], or pass uint8"
            )
    if num_classes is None:
        return
    if len(labels) != len(images):
        raise DataError(f"there are {len(labels)} labels for {len(images)} images")
    check_labels(labels, num_classes)


def check_labels(labels, num_classes):
    """Raises DataError unless `labels` are integers in [0, num_classes)."""
    labels = np.asarray(labels)
    if not np.issubdtype(labels.dtype, np.integer):
        raise DataError(f"labels have type {labels.dtype}; they must be integers")
    outside = labels[(labels < 0) | (labels >= num_classes)]
    if outside.size:
        raise DataError(
            f"labels contain {outside[0]}; with num_classes={num_classes} they must lie in "
            f"[0, {num_classes})"
        )
