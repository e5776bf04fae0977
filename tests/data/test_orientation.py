"""The orientation in the metadata of photos, compared with Pillow's `ImageOps.exif_transpose`."""

import io
import struct

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageOps, PngImagePlugin

from sagan_tf.data import decoding, orientation
from tests.data.pictures import encode, photo

PICTURE = photo(16, 16)
SHORT, LONG, ASCII = 3, 4, 2
MAKER, ORIENTATION = 0x010F, 0x0112


def tiff(*directories, order="<"):
    """An EXIF block: image file directories of (tag, type, value), one after the other."""
    block = {"<": b"II*\0", ">": b"MM\0*"}[order] + struct.pack(f"{order}I", 8)
    for index, entries in enumerate(directories):
        end = len(block) + 2 + 12 * len(entries) + 4
        directory, contents = struct.pack(f"{order}H", len(entries)), b""
        for tag, kind, value in entries:
            if kind == ASCII:
                field = struct.pack(f"{order}II", len(value), end + len(contents))
                contents += value
            else:
                layout = {SHORT: "IHxx", LONG: "II"}[kind]
                field = struct.pack(order + layout, 1, value)
            directory += struct.pack(f"{order}HH", tag, kind) + field
        is_last = index == len(directories) - 1
        following = 0 if is_last else end + len(contents)
        block += directory + struct.pack(f"{order}I", following) + contents
    return b"Exif\0\0" + block


def xmp(value, attribute=True):
    text = f'tiff:Orientation="{value}"' if attribute else ""
    element = "" if attribute else f"<tiff:Orientation>{value}</tiff:Orientation>"
    return f"<x:xmpmeta><rdf:Description {text}>{element}</rdf:Description></x:xmpmeta>".encode()


def png_with_xmp(value, compressed):
    info = PngImagePlugin.PngInfo()
    info.add_itxt("XML:com.adobe.xmp", xmp(value).decode(), zip=compressed)
    return encode(PICTURE, "PNG", pnginfo=info)


def png_with_late_exif(value):
    """A PNG whose EXIF chunk comes after its pixels."""
    whole = encode(PICTURE, "PNG", exif=tiff([(ORIENTATION, SHORT, value)]))
    start = whole.index(b"eXIf") - 4
    (length,) = struct.unpack(">I", whole[start : start + 4])
    chunk = whole[start : start + 12 + length]
    without = whole.replace(chunk, b"")
    end = without.index(b"IEND") - 4
    return without[:end] + chunk + without[end:]


def jpeg(**options):
    return encode(PICTURE, "JPEG", quality=95, subsampling=0, **options)


# A directory of more than 1,024 bytes, whose tags before the orientation are those of a scanner.
LONG_DIRECTORY = [(tag, SHORT, 1) for tag in range(0x80, ORIENTATION)]
THUMBNAIL = tiff([(ORIENTATION, SHORT, 6)], [(ORIENTATION, SHORT, 8)])
FILES = {
    **{f"exif {n}": jpeg(exif=tiff([(ORIENTATION, SHORT, n)])) for n in range(10)},
    "big-endian": jpeg(exif=tiff([(ORIENTATION, SHORT, 6)], order=">")),
    "a long number": jpeg(exif=tiff([(ORIENTATION, LONG, 6)])),
    "the thumbnail's": jpeg(exif=tiff([(MAKER, SHORT, 1)], [(ORIENTATION, SHORT, 8)])),
    "the thumbnail's is another": jpeg(exif=THUMBNAIL),
    # An entry of a directory of the camera's own, as text between other directories.
    "a maker's note": jpeg(
        exif=tiff([(MAKER, ASCII, struct.pack("<HHIHxx", ORIENTATION, SHORT, 1, 8) * 3)])
    ),
    "a long directory": jpeg(exif=tiff([*LONG_DIRECTORY, (ORIENTATION, SHORT, 5)])),
    "a long text before": jpeg(exif=tiff([(MAKER, ASCII, b"x" * 5000), (ORIENTATION, SHORT, 6)])),
    "after a profile and a comment": jpeg(
        exif=tiff([(ORIENTATION, SHORT, 7)]), icc_profile=b"p" * 3000, comment=b"Exif"
    ),
    "xmp alone": jpeg(xmp=xmp(6)),
    "xmp as an element": jpeg(xmp=xmp(8, attribute=False)),
    "xmp and exif without": jpeg(xmp=xmp(6), exif=tiff([(MAKER, SHORT, 1)])),
    "exif before xmp": jpeg(xmp=xmp(6), exif=tiff([(ORIENTATION, SHORT, 3)])),
    "png": encode(PICTURE, "PNG", exif=tiff([(ORIENTATION, SHORT, 6)])),
    "png, late": png_with_late_exif(8),
    "png, xmp": png_with_xmp(6, compressed=False),
    "png, compressed xmp": png_with_xmp(5, compressed=True),
    "webp": encode(PICTURE, "WEBP", lossless=True, exif=tiff([(ORIENTATION, SHORT, 6)])),
    "webp, xmp": encode(PICTURE, "WEBP", lossless=True, xmp=xmp(8)),
}


def kinds_that_can_be_read():
    webp = [] if decoding.can_read_webp() else ["webp", "webp, xmp"]
    return [name for name in FILES if name not in webp]


@pytest.mark.parametrize("name", kinds_that_can_be_read())
def test_images_are_turned_as_pillow_turns_them(name, settings):
    encoded = FILES[name]
    with Image.open(io.BytesIO(encoded)) as image:
        upright = np.asarray(ImageOps.exif_transpose(image).convert("RGB")).astype(int)
    trained, _ = decoding.decode(tf.constant(encoded), settings())
    np.testing.assert_allclose(trained, upright, atol=1)
    np.testing.assert_allclose(decoding.decode_whole(encoded, "white"), upright, atol=1)


def test_the_same_inside_tf_data(settings):
    names = kinds_that_can_be_read()
    dataset = tf.data.Dataset.from_tensor_slices([FILES[name] for name in names])
    dataset = dataset.map(lambda e: decoding.decode(e, settings())[0], num_parallel_calls=2)
    for name, image in zip(names, dataset):
        eager, _ = decoding.decode(tf.constant(FILES[name]), settings())
        np.testing.assert_array_equal(image, eager)


def test_a_photo_that_is_not_square_changes_its_shape():
    exif = tiff([(ORIENTATION, SHORT, 6)])
    encoded = encode(photo(20, 10), "PNG", exif=exif)
    assert decoding.decode_whole(encoded, "white").shape == (20, 10, 3)


DAMAGED = {
    "no directory": b"Exif\0\0II*\0\xff\xff\xff\xff",
    "half a directory": tiff([(ORIENTATION, SHORT, 6)])[:18],
    "no EXIF block": b"Exif\0\0nonsense",
    "text as orientation": tiff([(ORIENTATION, ASCII, b"upright\0")]),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_damaged_metadata_leaves_the_image_as_it_is(name, settings):
    encoded = jpeg(exif=DAMAGED[name])
    plain, _ = decoding.decode(tf.constant(jpeg()), settings())
    got, _ = decoding.decode(tf.constant(encoded), settings())
    np.testing.assert_array_equal(got, plain)
    assert orientation.read(encoded) == 1


def test_metadata_in_a_damaged_image_is_no_error():
    encoded = encode(PICTURE, "PNG", exif=tiff([(ORIENTATION, SHORT, 6)]))
    assert orientation.read(encoded[:-30]) in range(1, 9)
    assert orientation.read(b"\xff\xd8\xff") == 1
    assert orientation.read(b"BM and more") == 1
