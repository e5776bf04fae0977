"""Loading of single images by name, in parallel and outside `tf.data`.

`tf.data` stops at the first damaged image and does not name it. The preflight, the preparation
and the memory cache read every image, so they use `load_all`.
"""

from __future__ import annotations

import collections
import concurrent.futures
import functools
import itertools
import os
import typing

import numpy as np
import tensorflow as tf

from sagan_tf import files
from sagan_tf.errors import DataError

_NAMES_SHOWN = 5
_GROUP = 16  # images decoded in one call
# TensorFlow's messages quote bytes of damaged files. Python fails to decode some of them as text.
READ_ERRORS = (tf.errors.OpError, UnicodeDecodeError)


class Example(typing.NamedTuple):
    """One image that is not read yet.

    Args:
        name: the file or the record, for messages.
        label: int.
        load: function that reads and decodes; returns the image, uint8 (resolution, resolution,
            channels), and the (height, width) of the encoded image.
    """

    name: str
    label: int
    load: typing.Callable


class Loaded(typing.NamedTuple):
    """An image that was read, or the reason why it cannot be read.

    Args:
        name: as in `Example`.
        label: as in `Example`.
        image: uint8 (resolution, resolution, channels), or None.
        size: (height, width) of the encoded image, or None.
        problem: None, or one line of text.
    """

    name: str
    label: int
    image: np.ndarray | None
    size: tuple | None
    problem: str | None


class Decoder:
    """Decodes many images to NumPy in one call; a call costs as much as a small image.

    Args:
        decode: function of a string scalar, the encoded image or its path; returns the image and
            the size before.
    """

    def __init__(self, decode):
        self._decode = decode

    def __call__(self, payloads):
        """Returns images uint8 (n, h, w, c) and sizes int (n, 2) of a list of n strings."""
        images, sizes = self._graph(tf.constant(payloads))
        return images.numpy(), sizes.numpy()

    @functools.cached_property
    def _graph(self):
        def decode_all(payloads):
            types = (tf.uint8, tf.int32)
            return tf.map_fn(self._decode, payloads, fn_output_signature=types)

        return tf.function(decode_all, input_signature=[tf.TensorSpec((None,), tf.string)])


class EncodedImage(typing.NamedTuple):
    """An `Example.load` that `load_all` runs in one call with others of the same decoder."""

    decoder: Decoder
    payload: bytes | str

    def __call__(self):
        """Returns the image and the (height, width) of the encoded image."""
        images, sizes = self.decoder([self.payload])
        return images[0], tuple(sizes[0].tolist())


def load_all(examples):
    """Loads examples in parallel and yields them in order; reads a bounded number ahead.

    Args:
        examples: iterable of `Example`.

    Yields:
        One `Loaded` for each example.
    """
    threads = os.cpu_count() or 1
    pool = concurrent.futures.ThreadPoolExecutor(threads)
    pending = collections.deque()
    examples = iter(examples)
    try:
        while group := list(itertools.islice(examples, _GROUP)):
            pending.append(pool.submit(_load_group, group))
            if len(pending) > 2 * threads:
                yield from pending.popleft().result()
        while pending:
            yield from pending.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def _load_group(group):
    decoders = {getattr(example.load, "decoder", None) for example in group}
    if len(decoders) == 1 and None not in decoders:
        try:
            images, sizes = decoders.pop()([example.load.payload for example in group])
        except READ_ERRORS:
            pass  # one image of the group is damaged; loading each alone shows which
        else:
            rows = zip(group, images, sizes.tolist())
            return [Loaded(e.name, e.label, image, tuple(size), None) for e, image, size in rows]
    return [_load(example) for example in group]


def _load(example):
    try:
        image, size = example.load()
    except READ_ERRORS as error:
        return Loaded(example.name, example.label, None, None, _reason(error))
    return Loaded(example.name, example.label, image, size, None)


def _reason(error):
    """Returns the reason in TensorFlow's message, without the place in its graph."""
    if isinstance(error, UnicodeDecodeError):
        text = error.object.decode("utf-8", "backslashreplace")
    else:
        text = error.message
    lines = [line.partition("[[")[0].partition("[Op:")[0] for line in text.splitlines()]
    lines = [line.rpartition("}} ")[2].strip() for line in lines]
    return [line for line in lines if line][-1].replace("assertion failed: ", "").strip("[]")


def raise_if_unreadable(problems, list_path=None):
    """Raises DataError that names the images that cannot be read, if there are any.

    Args:
        problems: list of `Loaded` without an image.
        list_path: text file to write all names to; None writes no file.
    """
    if not problems:
        return
    lines = [f"{item.name}: {item.problem}" for item in problems]
    more = len(lines) - _NAMES_SHOWN
    where = ""
    if list_path:
        files.write_whole(list_path, "\n".join(lines) + "\n")
        where = f"; all are in {list_path}"
    rest = f"; and {more} more" if more > 0 else ""
    shown = "; ".join(lines[:_NAMES_SHOWN])
    raise DataError(f"{len(lines)} images cannot be read: {shown}{rest}{where}")


def raise_if_incomplete(count, source, config):
    """Raises DataError if a pass over a source had another number of images than announced."""
    if count != source.num_examples:
        raise DataError(
            f"{config.dataset} announces {source.num_examples} images but holds {count}"
        )
