"""Decoding of image files to squares at the training resolution, in one TensorFlow graph.

The first bytes give the format, not the file name: ImageNet has a PNG and some CMYK JPEGs among
its `.JPEG` files. Of a JPEG, only the centred square is decoded. libjpeg decodes it at 1/2, 1/4
or 1/8 of the size, in the frequency domain, if the result is not smaller than the resolution.
"""

from __future__ import annotations

import tensorflow as tf

from sagan_tf.config import BACKGROUNDS
from sagan_tf.data import orientation, preprocessing

_JPEG_REDUCTIONS = (1, 2, 4, 8)
_PNG_COLOUR_TYPE = 25  # offset of the byte; 0 is gray without alpha
_DCT_METHOD = "INTEGER_ACCURATE"  # TensorFlow's default is off by up to 10 levels
_MIN_BYTES = 32  # a shorter file is not an image
_MAGIC = (b"\xff\xd8\xff", b"\x89PN", b"BM", b"RIFF")


def can_read_webp():
    """Returns True if this TensorFlow decodes WebP (2.19 and later)."""
    return hasattr(tf.io, "decode_webp")


def known_kinds():
    """Returns the names of the formats that this TensorFlow decodes."""
    return "JPEG, PNG, BMP or WebP" if can_read_webp() else "JPEG, PNG or BMP"


@tf.autograph.experimental.do_not_convert
def decode(encoded, config):
    """Decodes one image to the pixels that the networks get.

    Transparent pixels show `config.background`. CMYK becomes RGB, and 16 bits become the upper 8.
    The orientation in the file's metadata is applied, except with `crop="released"`.

    Args:
        encoded: string scalar, the contents of a JPEG, PNG, BMP or WebP file.
        config: ExperimentConfig.

    Returns:
        image: uint8 (resolution, resolution, channels).
        size: int32 (2,), height and width of the encoded image.

    Raises:
        tf.errors.InvalidArgumentError: the format is another one, or the file is damaged.
    """
    branches = [
        lambda: _decode_jpeg(encoded, config),
        lambda: _finish(_decode_png(encoded, config.background), config),
        lambda: _finish(_decode_bmp(encoded), config),
        lambda: _finish(_decode_webp(encoded, config.background), config),
        lambda: _finish(_refuse(f"not a {known_kinds()} image"), config),
    ]
    image, size = tf.switch_case(_kind(encoded), branches)
    if config.crop != "released":
        image = orientation.turn_upright(image, encoded)
    image = preprocessing.convert_channels(image, config.channels)
    image.set_shape((config.resolution, config.resolution, config.channels))
    return image, size


def decode_whole(encoded, background):
    """Decodes one image to the same pixels as `decode`, but without crop and resize.

    Args:
        encoded: bytes, the contents of a JPEG, PNG, BMP or WebP file.
        background: one of `config.BACKGROUNDS`, which transparent pixels show.

    Returns:
        uint8 (height, width, channels), NumPy. A gray file has 1 channel, any other has 3.

    Raises:
        tf.errors.InvalidArgumentError: the format is another one, or the file is damaged.
    """
    branches = [
        lambda: _decode_whole_jpeg(encoded),
        lambda: _decode_png(encoded, background),
        lambda: _decode_bmp(encoded),
        lambda: _decode_webp(encoded, background),
        lambda: _refuse(f"not a {known_kinds()} image"),
    ]
    kind = int(_kind(encoded))
    image = orientation.turn_upright(branches[kind](), encoded).numpy()
    return image[..., :1] if _is_gray(encoded, kind) else image


def _kind(encoded):
    """Returns the index in `_MAGIC` of the format of a file, its length if there is none."""
    kinds = tf.stack([tf.strings.substr(encoded, 0, len(magic)) == magic for magic in _MAGIC])
    kinds &= tf.strings.length(encoded) >= _MIN_BYTES
    return tf.argmax(tf.concat([kinds, [True]], axis=0), output_type=tf.int32)


def _is_gray(encoded, kind):
    """Returns True if a file stores gray values without alpha, and not colours."""
    if kind == _MAGIC.index(b"\x89PN"):
        return encoded[_PNG_COLOUR_TYPE] == 0
    if kind == _MAGIC.index(b"\xff\xd8\xff"):
        return int(tf.io.extract_jpeg_shape(encoded)[2]) == 1
    if kind == _MAGIC.index(b"BM") and tf.io.decode_bmp(encoded).shape[-1] == 1:
        palette = _bmp_palette(encoded).numpy()
        return bool((palette == palette[:, :1]).all())
    return False


def _finish(image, config):
    """Crops and resizes a decoded image (h, w, 3); returns it with its size before."""
    size = tf.shape(image)[:2]
    return _resize(preprocessing.crop_square(image), config), size


def _resize(square, config):
    square.set_shape((None, None, 3))
    if config.crop == "released":
        return preprocessing.resize_as_released(square, config.resolution)
    return preprocessing.resize(square, config.resolution)


def _decode_jpeg(encoded, config):
    if config.crop == "released":
        return _finish(tf.io.decode_jpeg(encoded, channels=3), config)
    size = tf.io.extract_jpeg_shape(encoded)[:2]
    enough = tf.reduce_min(size) // tf.constant(_JPEG_REDUCTIONS) >= config.resolution
    index = tf.maximum(tf.reduce_sum(tf.cast(enough, tf.int32)) - 1, 0)
    square = tf.switch_case(
        index,
        [lambda r=r: _decode_jpeg_square(encoded, size, r) for r in _JPEG_REDUCTIONS],
    )
    return _resize(square, config), size


def _decode_jpeg_square(encoded, size, reduction):
    height, width = tf.unstack(-(-size // reduction))
    top, left, side = preprocessing.square_window(height, width)
    return tf.io.decode_and_crop_jpeg(
        encoded,
        tf.stack([top, left, side, side]),
        channels=3,
        ratio=reduction,
        dct_method=_DCT_METHOD,
    )


def _decode_whole_jpeg(encoded):
    return tf.io.decode_jpeg(encoded, channels=3, dct_method=_DCT_METHOD)


def _decode_png(encoded, background):
    image = tf.io.decode_png(encoded, channels=4)
    depth = tf.cast(tf.io.decode_raw(tf.strings.substr(encoded, 24, 1), tf.uint8)[0], tf.int32)
    # Below 8 bits, TensorFlow gives opaque pixels the alpha 2^bits - 1 instead of 255.
    filler = tf.cast(tf.bitwise.left_shift(1, depth) - 1, tf.uint8)
    return tf.cond(
        (depth < 8) & tf.reduce_all(image[..., 3] == filler),
        lambda: image[..., :3],
        lambda: preprocessing.composite(image, BACKGROUNDS[background]),
    )


def _decode_bmp(encoded):
    """Decodes a BMP of 8 (palette), 24 or 32 bits; the fourth byte of 32 is taken as padding."""
    image = tf.io.decode_bmp(encoded)
    image = tf.cond(
        tf.shape(image)[-1] == 1,
        lambda: tf.gather(_bmp_palette(encoded), tf.cast(image[..., 0], tf.int32)),
        lambda: image[..., :3],
    )
    return tf.ensure_shape(image, (None, None, 3))


def _bmp_palette(encoded):
    """Returns the RGB palette (n, 3), which `tf.io.decode_bmp` ignores."""

    def number(start):
        return tf.io.decode_raw(tf.strings.substr(encoded, start, 4), tf.int32)[0]

    start, pixels = 14 + number(14), number(10)
    entries = tf.io.decode_raw(tf.strings.substr(encoded, start, pixels - start), tf.uint8)
    return tf.reshape(entries, (-1, 4))[:, 2::-1]


def _decode_webp(encoded, background):
    """Decodes a WebP image that is not animated.

    TensorFlow's decoder corrupts memory with some animations, so it must not run on one. The
    header of an extended file (`VP8X`) has a bit for them:
    https://developers.google.com/speed/webp/docs/riff_container
    """
    if not can_read_webp():
        return _refuse(f"not a {known_kinds()} image")
    flags = tf.io.decode_raw(tf.strings.substr(encoded, 20, 1), tf.uint8)[0]
    is_animated = (tf.strings.substr(encoded, 12, 4) == b"VP8X") & (flags & 2 != 0)
    message = "an animated WebP image, and only still images can be read"
    with tf.control_dependencies([tf.debugging.Assert(~is_animated, [message])]):
        image = tf.io.decode_webp(tf.identity(encoded))[0]
    image = tf.cond(
        tf.shape(image)[-1] == 4,
        lambda: preprocessing.composite(image, BACKGROUNDS[background]),
        lambda: image[..., :3],
    )
    return tf.ensure_shape(image, (None, None, 3))


def _refuse(reason):
    """Raises InvalidArgumentError when it runs, and has the type of an image (h, w, 3)."""
    with tf.control_dependencies([tf.debugging.Assert(False, [reason])]):
        return tf.zeros((1, 1, 3), tf.uint8)
