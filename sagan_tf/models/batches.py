"""Batches for `fit` that every update of a step can cut into equal parts."""

from __future__ import annotations

import warnings

import tensorflow as tf

from sagan_tf.errors import ConfigError, DataError
from sagan_tf.models import inputs

_KERAS_BATCH_SIZE = 32  # of `fit`, if the user gives none


def from_arrays(arrays, batch_size, shuffle, seed, parts):
    """A data set of batches from whole arrays.

    Args:
        arrays: images and labels, or images alone, in a tuple: arrays or tensors (n, ...).
        batch_size: images in a batch; None for Keras's 32.
        shuffle: whether each epoch has an order of its own.
        seed: int; the orders follow from it.
        parts: equal parts that a batch is cut into.

    Returns:
        A `tf.data.Dataset`. The last batch may be smaller. Images that would not fill equal parts
        are left out of each epoch, with a warning.

    Raises:
        ConfigError: `batch_size` cannot be cut into the parts.
        DataError: there are fewer images than parts.
    """
    batch_size = _KERAS_BATCH_SIZE if batch_size is None else batch_size
    check_size(batch_size, parts)
    count = len(arrays[0])
    used = count - count % parts
    if not used:
        raise DataError(f"there are {count} images; a batch must be {_allowed(parts)}")
    if used < count:
        warnings.warn(
            f"each epoch leaves out {count - used} of {count} images: a batch must be "
            f"{_allowed(parts)}",
            stacklevel=4,
        )
    arrays = [tf.convert_to_tensor(array) for array in arrays]
    indices = tf.data.Dataset.range(count)
    if shuffle:
        indices = indices.shuffle(count, seed, reshuffle_each_iteration=True)
    indices = indices.take(used).batch(batch_size, drop_remainder=used % batch_size == 0)
    batches = indices.map(lambda rows: tuple(tf.gather(array, rows) for array in arrays))
    return batches.prefetch(tf.data.AUTOTUNE)


def of_equal_parts(dataset, parts):
    """The batches of a user's data set that can be cut into equal parts.

    Where batches have no fixed size, others are left out, with a warning.

    Args:
        dataset: `tf.data.Dataset` of batches, as `inputs.unpack` takes them.
        parts: equal parts that a batch is cut into.

    Raises:
        ConfigError: the fixed size of the batches cannot be cut into the parts.
    """
    size = inputs.unpack(dataset.element_spec)[0].shape[0]
    if size is not None:
        check_size(size, parts)
    if size is not None or parts == 1:
        return dataset
    warnings.warn(
        f"batches whose size is not {_allowed(parts)} are left out; "
        "batch(..., drop_remainder=True) says the same without this warning",
        stacklevel=3,
    )

    def is_usable(*batch):
        images, _ = inputs.unpack(batch if len(batch) > 1 else batch[0])
        return tf.shape(images)[0] % parts == 0

    return dataset.filter(is_usable)


def check_size(size, parts):
    """Raises ConfigError unless a batch of this size can be cut into the parts."""
    if size < 1 or size % parts:
        raise ConfigError("batch_size", size, _allowed(parts))


def _allowed(parts):
    return f"a multiple of {parts} (replicas times d_steps times accumulation_steps)"
