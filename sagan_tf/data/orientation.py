"""The orientation of photos: cameras store the pixels as the sensor lies, and say how to turn them.

Pillow reads the metadata, so the orientation is that of its `ImageOps.exif_transpose`: the one of
the EXIF block, and the one of XMP if EXIF has none.
"""

from __future__ import annotations

import io
import struct

import numpy as np
import tensorflow as tf
from PIL import ExifTags
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.WebPImagePlugin import WebPImageFile

from sagan_tf.data import preprocessing

UPRIGHT = 1
# By the first bytes. `PIL.Image.open` would also refuse very large images.
_READERS = {b"\xff\xd8\xff": JpegImageFile, b"\x89PN": PngImageFile, b"RIFF": WebPImageFile}
# A file without one of these texts has no orientation, and Pillow need not open it.
_METADATA = "Exif|eXIf|EXIF|Raw profile type exif|tiff:Orientation|com\\.adobe\\.xmp"
_DAMAGED = (OSError, ValueError, SyntaxError, KeyError, TypeError, struct.error)


def turn_upright(image, encoded):
    """Rotates and mirrors a decoded image as its file asks.

    Args:
        image: uint8 (h, w, c); inside a `tf.function`, h and w are equal or unknown.
        encoded: string scalar, the contents of the file.
    """
    encoded = tf.convert_to_tensor(encoded)  # NumPy would cut off zeros at the end of bytes

    def turned():
        value = tf.numpy_function(_read_of_tensor, [encoded], tf.int32, stateful=False)
        return preprocessing.orient(image, tf.ensure_shape(value, ()))

    # `\C` is any byte.
    has_metadata = tf.strings.regex_full_match(encoded, f"\\C*(?:{_METADATA})\\C*")
    return tf.cond(has_metadata, turned, lambda: image)


def _read_of_tensor(content):
    # A graph hands over bytes, and eager TensorFlow an array of them.
    return read(content if isinstance(content, bytes) else content.item())


def read(encoded):
    """Returns the orientation of an image file, 1 (upright) to 8; damaged metadata counts as 1.

    Args:
        encoded: bytes, the contents of a JPEG, PNG or WebP file. Other formats have none.

    Returns:
        int32 scalar, NumPy.
    """
    value = UPRIGHT
    for magic, reader in _READERS.items():
        if encoded.startswith(magic):
            try:
                with reader(io.BytesIO(encoded)) as image:
                    if reader is PngImageFile:
                        image.load()  # its metadata may come after the pixels
                    value = image.getexif().get(ExifTags.Base.Orientation, UPRIGHT)
            except _DAMAGED:
                value = UPRIGHT
    return np.int32(value if value in range(1, 9) else UPRIGHT)
