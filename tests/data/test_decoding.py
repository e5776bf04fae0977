"""Decoding of every image format, compared with Pillow."""

import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from sagan_tf import config
from sagan_tf.data import decoding, preprocessing
from tests.data.pictures import encode, photo


def decode(encoded, settings):
    image, size = decoding.decode(tf.constant(encoded), settings)
    return image.numpy().astype(int), tuple(size.numpy())


def expected(image, resolution=16):
    """Largest centred square, reduced by area averages."""
    width, height = image.size
    side = min(width, height)
    left, top = (width - side + 1) // 2, (height - side + 1) // 2
    square = image.crop((left, top, left + side, top + side))
    return np.asarray(square.resize((resolution, resolution), Image.BOX)).astype(int)


def over_white(image):
    white = Image.new("RGBA", image.size, "white")
    return Image.alpha_composite(white, image.convert("RGBA")).convert("RGB")


PICTURE = photo(64, 48)
ALPHA = Image.fromarray(np.tile(np.linspace(0, 255, 64, dtype=np.uint8), (48, 1)))
LOSSLESS = {
    "rgb": (PICTURE, "PNG"),
    "gray": (PICTURE.convert("L"), "PNG"),
    "gray with alpha": (Image.merge("LA", (PICTURE.convert("L"), ALPHA)), "PNG"),
    "palette": (PICTURE.convert("P"), "PNG"),
    "rgb with alpha": (Image.merge("RGBA", (*PICTURE.split(), ALPHA)), "PNG"),
    "one bit": (PICTURE.convert("1"), "PNG"),
    "4-bit palette": (PICTURE.quantize(16), "PNG"),
    "bmp": (PICTURE, "BMP"),
    "bmp gray": (PICTURE.convert("L"), "BMP"),
    "bmp palette": (PICTURE.convert("P"), "BMP"),
}


@pytest.mark.parametrize("name", LOSSLESS)
def test_lossless_kinds_equal_pillow(name, settings):
    image, kind = LOSSLESS[name]
    got, size = decode(encode(image, kind), settings())
    assert size == (48, 64)
    np.testing.assert_allclose(got, expected(over_white(image)), atol=1.01)


@pytest.mark.parametrize("crop", config.CROPS)
@pytest.mark.parametrize("channels", [1, 3])
def test_the_same_inside_tf_data(crop, channels, settings):
    wanted = settings(crop=crop, channels=channels)
    files = [encode(*image_and_kind) for image_and_kind in LOSSLESS.values()]
    files += [encode(photo(500, 375), "JPEG"), encode(PICTURE.convert("CMYK"), "JPEG")]
    dataset = tf.data.Dataset.from_tensor_slices(files).map(lambda e: decoding.decode(e, wanted))
    assert dataset.element_spec[0].shape == (16, 16, channels)
    for file, (image, size) in zip(files, dataset):
        eager, eager_size = decode(file, wanted)
        np.testing.assert_array_equal(image, eager)
        assert tuple(size.numpy()) == eager_size


WITH_WEBP = pytest.mark.skipif(
    not decoding.can_read_webp(), reason="this TensorFlow has no WebP decoder"
)


@WITH_WEBP
def test_webp_with_and_without_alpha(settings):
    for image in (PICTURE, LOSSLESS["rgb with alpha"][0]):
        got, _ = decode(encode(image, "WEBP", lossless=True, exact=True), settings())
        np.testing.assert_allclose(got, expected(over_white(image)), atol=1.01)


@WITH_WEBP
def test_animated_webp_is_refused(settings):
    """TensorFlow's decoder ends the process with some of them."""
    frames = [photo(40, 30, seed) for seed in range(3)]
    for options in ({}, {"lossless": True}):
        animated = encode(frames[0], "WEBP", save_all=True, append_images=frames[1:], **options)
        with pytest.raises(tf.errors.InvalidArgumentError, match="an animated WebP image"):
            decode(animated, settings())
        with pytest.raises(tf.errors.InvalidArgumentError, match="an animated WebP image"):
            decoding.decode_whole(animated, "white")
        dataset = tf.data.Dataset.from_tensors(animated)
        with pytest.raises(tf.errors.InvalidArgumentError, match="an animated WebP image"):
            list(dataset.map(lambda e: decoding.decode(e, settings())))


@WITH_WEBP
def test_extended_webp_that_is_still_is_read(settings):
    exif = Image.Exif()
    exif[0x010F] = "a camera"
    encoded = encode(PICTURE, "WEBP", lossless=True, exif=exif)
    assert encoded[12:16] == b"VP8X"
    np.testing.assert_allclose(decode(encoded, settings())[0], expected(PICTURE), atol=1.01)


WHOLE = {
    **{name: encode(*image_and_kind) for name, image_and_kind in LOSSLESS.items()},
    # Too small for a reduced decoding in training.
    "jpeg": encode(photo(24, 16), "JPEG", subsampling=0),
    "gray jpeg": encode(photo(24, 16).convert("L"), "JPEG"),
    "cmyk jpeg": encode(photo(24, 16).convert("CMYK"), "JPEG", subsampling=0),
    "16-bit": encode(Image.fromarray(np.arange(400, dtype=np.uint16).reshape(20, 20) * 160), "PNG"),
}


GRAY = ("gray", "one bit", "bmp gray", "gray jpeg", "16-bit")


@pytest.mark.parametrize("name", WHOLE)
def test_whole_images_are_decoded_as_for_training(name, settings):
    square = decoding.decode_whole(WHOLE[name], "white")
    assert square.shape[-1] == (1 if name in GRAY else 3)
    trained, size = decode(WHOLE[name], settings(crop="square"))
    assert square.shape[:2] == size
    side = min(size)
    top, left = (size[0] - side + 1) // 2, (size[1] - side + 1) // 2
    square = tf.constant(square[top : top + side, left : left + side])
    resized = preprocessing.convert_channels(preprocessing.resize(square, 16), 3)
    np.testing.assert_allclose(trained, resized.numpy(), atol=2.01)


def test_whole_jpegs_are_turned_upright(settings):
    exif = Image.Exif()
    exif[0x0112] = 6
    got = decoding.decode_whole(encode(PICTURE, "JPEG", quality=95, exif=exif), "white")
    upright = np.asarray(PICTURE.transpose(Image.Transpose.ROTATE_270)).astype(int)
    assert got.shape == upright.shape == (64, 48, 3)
    assert np.abs(got.astype(int) - upright).mean() < 3.0


def test_a_tensorflow_without_webp_refuses_it(settings, monkeypatch):
    monkeypatch.delattr(tf.io, "decode_webp", raising=False)
    with pytest.raises(tf.errors.InvalidArgumentError, match="not a JPEG, PNG or BMP image"):
        decoding.decode(tf.constant(encode(PICTURE, "WEBP")), settings())


def test_32_bit_bmp_ignores_the_fourth_byte(settings):
    image = PICTURE.copy()
    image.putalpha(0)
    got, _ = decode(encode(image, "BMP"), settings())
    np.testing.assert_allclose(got, expected(PICTURE), atol=1.01)


def test_palette_png_with_a_transparent_colour(settings):
    image = PICTURE.convert("P")
    encoded = encode(
        image, "PNG", transparency=int(np.bincount(np.asarray(image).ravel()).argmax())
    )
    got, _ = decode(encoded, settings(background="black"))
    assert got.sum() < decode(encoded, settings(background="white"))[0].sum()


def test_16_bits_become_the_upper_8(settings):
    deep = (np.asarray(PICTURE.convert("L")).astype(np.uint16) << 8) + 200
    got, _ = decode(encode(Image.fromarray(deep), "PNG"), settings())
    np.testing.assert_allclose(got[..., 0], expected(PICTURE.convert("L")), atol=1.01)


@pytest.mark.parametrize(("background", "value"), [("white", 255), ("gray", 128), ("black", 0)])
def test_a_transparent_image_is_its_background(background, value, settings):
    clear = Image.new("RGBA", (20, 20), (9, 200, 30, 0))
    got, _ = decode(encode(clear, "PNG"), settings(background=background))
    assert (got == value).all()


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize("size", [(64, 48), (48, 64), (500, 375), (17, 16)])
def test_jpeg_is_near_pillow(mode, size, settings):
    encoded = encode(photo(*size).convert(mode), "JPEG", quality=95)
    got, found = decode(encoded, settings())
    assert found == size[::-1]
    difference = got - expected(Image.open(io.BytesIO(encoded)).convert("RGB"))
    assert np.abs(difference).max() < 20
    assert np.abs(difference).mean() < 3.0


@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_jpeg_without_reduction_equals_pillow(mode, settings):
    # With chroma subsampling, the last column of a crop lacks its neighbour and may differ.
    encoded = encode(photo(24, 16).convert(mode), "JPEG", quality=90, subsampling=0)
    got, _ = decode(encoded, settings())
    np.testing.assert_array_equal(got, expected(Image.open(io.BytesIO(encoded)).convert("RGB")))


def test_reduced_decoding_does_not_alias(settings):
    stripes = np.zeros((128, 128, 3), np.uint8)
    stripes[:, ::2] = 255
    for kind, options in (("JPEG", {"quality": 100, "subsampling": 0}), ("PNG", {})):
        got, _ = decode(encode(Image.fromarray(stripes), kind, **options), settings())
        assert np.abs(got - 127.5).max() < 4


def test_gray_from_colour_and_back(settings):
    encoded = encode(PICTURE, "PNG")
    gray, _ = decode(encoded, settings(channels=1))
    np.testing.assert_allclose(gray[..., 0], expected(PICTURE.convert("L")), atol=2)
    rgb, _ = decode(encode(PICTURE.convert("L"), "PNG"), settings())
    assert (rgb[..., 0] == rgb[..., 1]).all() and (rgb[..., 0] == rgb[..., 2]).all()


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "BMP"])
def test_one_pixel_fills_the_image(kind, settings):
    got, size = decode(encode(Image.new("RGB", (1, 1), (10, 100, 200)), kind), settings())
    assert size == (1, 1)
    np.testing.assert_allclose(got, np.broadcast_to([10, 100, 200], got.shape), atol=3)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("endian", ["<", ">"])
def test_exif_rotation_is_honoured(orientation, endian, settings):
    exif = Image.Exif()
    exif.endian = endian
    exif[0x010F], exif[0x0112] = "a camera", orientation
    encoded = encode(photo(64, 64), "JPEG", quality=95, exif=exif, dpi=(72, 72))
    upright = photo(64, 64)
    transpositions = {2: 0, 3: 3, 4: 1, 5: 5, 6: 4, 7: 6, 8: 2}
    if orientation > 1:
        upright = upright.transpose(Image.Transpose(transpositions[orientation]))
    got, _ = decode(encoded, settings())
    assert np.abs(got - expected(upright)).mean() < 3.0


def test_released_crop_ignores_exif_and_matches_its_formula(settings):
    exif = Image.Exif()
    exif[0x0112] = 3
    picture = photo(51, 40)
    encoded = encode(picture, "JPEG", quality=95, exif=exif)
    pixels = tf.io.decode_jpeg(encoded, channels=3).numpy().astype(float)
    # ceil(0.5 * (width - side)), then 16 samples from the first pixel to the last.
    rows, columns = np.linspace(0, 39, 16), np.linspace(6, 45, 16)
    wanted = _bilinear(pixels, rows, columns)
    got, _ = decode(encoded, settings(crop="released"))
    np.testing.assert_allclose(got, wanted, atol=1.5)


def _bilinear(image, rows, columns):
    y, x = np.floor(rows).astype(int), np.floor(columns).astype(int)
    y1, x1 = np.minimum(y + 1, image.shape[0] - 1), np.minimum(x + 1, image.shape[1] - 1)
    fy, fx = (rows - y)[:, None, None], (columns - x)[None, :, None]
    top = image[y][:, x] * (1 - fx) + image[y][:, x1] * fx
    bottom = image[y1][:, x] * (1 - fx) + image[y1][:, x1] * fx
    return top * (1 - fy) + bottom * fy


BROKEN = {
    "empty": b"",
    "text": b"this is not an image, whatever its name says",
    "truncated jpeg": encode(photo(200, 150), "JPEG")[:2000],
    "truncated png": encode(photo(200, 150), "PNG")[:2000],
    "jpeg magic only": b"\xff\xd8\xff",
    "png magic only": b"\x89PNG\r\n\x1a\n",
    "bmp magic only": b"BM",
    "webp magic only": b"RIFF",
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_files_are_refused(name, settings):
    with pytest.raises(tf.errors.InvalidArgumentError):
        decoding.decode(tf.constant(BROKEN[name]), settings())
