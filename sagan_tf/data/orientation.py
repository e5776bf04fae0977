"""The orientation of photos: cameras store the pixels as the sensor lies, and say how to turn them.

Pillow reads the metadata. So images are turned as its `ImageOps.exif_transpose` turns them: by the
orientation in the EXIF block, or by the one in XMP if EXIF has none.
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
# Metadata of a PNG may come after its pixels, which Pillow must then decode too. A PNG without one
# of these texts has none.
_PNG_METADATA = (b"eXIf", b"Raw profile type exif", b"com.adobe.xmp")
_DAMAGED = (OSError, ValueError, SyntaxError, KeyError, TypeError, struct.error)


def turn_upright(image, encoded):
    """Rotates and mirrors a decoded image as its file asks.

    Args:
        image: uint8 (h, w, c); inside a `tf.function`, h and w are equal or unknown.
        encoded: string scalar, the contents of the file.
    """
    encoded = tf.convert_to_tensor(encoded)  # NumPy would cut off zeros at the end of bytes
    value = tf.numpy_function(_read_of_tensor, [encoded], tf.int32, stateful=False)
    value = tf.ensure_shape(value, ())
    return tf.cond(value == UPRIGHT, lambda: image, lambda: preprocessing.orient(image, value))


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
                    if reader is PngImageFile and any(text in encoded for text in _PNG_METADATA):
                        image.load()
                    value = image.getexif().get(ExifTags.Base.Orientation, UPRIGHT)
            except _DAMAGED:
                value = UPRIGHT
    return np.int32(value if value in range(1, 9) else UPRIGHT)
