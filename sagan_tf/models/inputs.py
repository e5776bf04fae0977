"""Checks and conversions of what users hand to `fit` and `train_step`."""

from __future__ import annotations

import warnings

import numpy as np
import tensorflow as tf

from sagan_tf.errors import DataError

_ROUNDING = 1e-3  # how far resizing may carry a float image past [-1, 1]
_IMAGE_KEYS = ("image", "images")
_LABEL_KEYS = ("label", "labels")
_BATCH = "allowed are images, (images, labels), or a dict with 'image' and 'label'"


def unpack(batch):
    """(images, labels) of a batch as users and Keras write it; labels are None if there are none.

    Args:
        batch: images alone; (images,), (images, labels) or Keras's (images, labels, None); or a
            dict with "image" or "images", and "label" or "labels", as TFDS has them. The same
            nests of `tf.TensorSpec` are fine.

    Raises:
        DataError: it is none of these, or it has weights of samples.
    """
    if isinstance(batch, (tuple, list)):
        images, labels, weights = (*batch, None, None, None)[:3]
        if weights is not None or len(batch) > 3:
            raise DataError(f"sample weights are not supported; {_BATCH}")
        if not isinstance(images, (tuple, list, dict)):
            return images, labels
        if labels is not None:
            raise DataError(f"images are a {type(images).__name__}; {_BATCH}")
        batch = images
        return unpack(batch)
    if not isinstance(batch, dict):
        return batch, None
    images = next((batch[key] for key in _IMAGE_KEYS if key in batch), None)
    if images is None:
        raise DataError(f"a batch has the keys {', '.join(map(str, batch))}; {_BATCH}")
    return images, next((batch[key] for key in _LABEL_KEYS if key in batch), None)


def check(images, labels, discriminator):
    """Raises DataError unless `fit` can train on these.

    Arrays are checked whole, a `tf.data.Dataset` by its types and shapes; the values that a
    data set yields are checked as the step meets them.
    """
    if isinstance(images, tf.data.Dataset):
        _check_types(*unpack(images.element_spec), discriminator)
    elif is_array(images):
        labels = labels if labels is None or tf.is_tensor(labels) else np.asarray(labels)
        _check_types(images, labels, discriminator)
        _check_values(images, labels, discriminator.num_classes)


def is_array(images):
    """Whether images are one array or tensor, rather than a data set or a generator."""
    return isinstance(images, (np.ndarray, tf.Tensor))


def prepare(data, discriminator):
    """Images float32 in [-1, 1] and labels int32 from one batch as users give it.

    Args:
        data: images and labels, as `unpack` takes them. Images are uint8, or float in [-1, 1];
            labels are integers in [0, num_classes), and an unconditional model ignores them.
        discriminator: the network that will see them.

    Raises:
        DataError: types or shapes do not fit the network.
        tf.errors.InvalidArgumentError: values are out of range (not checked by XLA on TPUs).
    """
    images, labels = unpack(data)
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
        if low >= 0.0 and high > 0.0:
            warnings.warn(
                f"float images lie in [{low:g}, {high:g}]; the model takes them to lie in [-1, 1]. "
                "If 0 is black, pass 2 * images - 1, or uint8",
                stacklevel=4,
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


def label_vector(labels):
    """Labels of a network's call as integers (b,), from (b,) or (b, 1).

    Float32 labels are whole numbers in another type, as `keras.Input((1,))` makes them.

    Raises:
        DataError: they have another shape or type.
    """
    labels = tf.convert_to_tensor(labels)
    if labels.shape.rank not in (None, 1) and labels.shape[1:] != (1,):
        raise DataError(f"labels have shape {tuple(labels.shape)}; they must be one an image")
    if labels.dtype == tf.float32:
        labels = tf.cast(labels, tf.int32)
    if not labels.dtype.is_integer:
        raise DataError(f"labels have type {labels.dtype.name}; they must be integers")
    return tf.reshape(labels, (-1,))
