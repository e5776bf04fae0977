"""Pixel operations compared with NumPy, eagerly and inside `tf.data`."""

import numpy as np
import pytest
import tensorflow as tf

from sagan_tf.data import preprocessing
from tests.data.pictures import photo

PIXELS = np.asarray(photo(51, 40))


def both(function, *arrays):
    """The result of a function of tensors, after checking that `tf.data` agrees."""
    eager = function(*map(tf.constant, arrays)).numpy()
    (inside,) = tf.data.Dataset.from_tensors(arrays).map(function)
    np.testing.assert_array_equal(eager, inside)
    assert eager.dtype == np.uint8
    return eager


@pytest.mark.parametrize(
    ("height", "width", "window"),
    [(40, 51, (0, 6, 40)), (51, 40, (6, 0, 40)), (40, 40, (0, 0, 40)), (1, 9, (0, 4, 1))],
)
def test_square_window_is_central(height, width, window):
    assert tuple(int(n) for n in preprocessing.square_window(height, width)) == window


def test_crop_square():
    np.testing.assert_array_equal(both(preprocessing.crop_square, PIXELS), PIXELS[:, 6:46])


def test_reduction_averages_areas():
    square = PIXELS[:40, :40]
    got = both(lambda x: preprocessing.resize(x, 8), square)
    wanted = square.reshape(8, 5, 8, 5, 3).mean(axis=(1, 3))
    np.testing.assert_allclose(got, wanted, atol=0.51)


def test_reduction_by_a_fraction_weighs_shared_pixels():
    row = np.array([0, 90, 180], np.uint8)
    square = np.broadcast_to(row[None, :, None], (3, 3, 1)).copy()
    got = both(lambda x: preprocessing.resize(x, 2), square)
    np.testing.assert_allclose(got[0, :, 0], [30, 150], atol=0.51)  # (0 + 90/2) / 1.5


def test_enlarging_is_bilinear():
    square = np.array([[[0], [100]], [[0], [100]]], np.uint8)
    got = both(lambda x: preprocessing.resize(x, 4), square)
    np.testing.assert_array_equal(got[0, :, 0], [0, 25, 75, 100])


def test_the_same_size_is_untouched():
    square = PIXELS[:32, :32]
    np.testing.assert_array_equal(both(lambda x: preprocessing.resize(x, 32), square), square)


def test_resize_takes_batches():
    square = PIXELS[:40, :40]
    got = both(lambda x: preprocessing.resize(x, 8), np.stack([square, square[::-1]]))
    np.testing.assert_array_equal(got[0], preprocessing.resize(tf.constant(square), 8))


def test_channels():
    gray = both(lambda x: preprocessing.convert_channels(x, 1), PIXELS)
    np.testing.assert_allclose(gray[..., 0], PIXELS @ [0.299, 0.587, 0.114], atol=1.01)
    rgb = both(lambda x: preprocessing.convert_channels(x, 3), gray)
    np.testing.assert_array_equal(rgb, np.repeat(gray, 3, axis=-1))
    same = both(lambda x: preprocessing.convert_channels(x, 3), PIXELS)
    np.testing.assert_array_equal(same, PIXELS)


@pytest.mark.parametrize("background", [0, 128, 255])
def test_composite(background):
    alpha = np.random.default_rng(0).integers(0, 256, (*PIXELS.shape[:2], 1), np.uint8)
    image = np.concatenate([PIXELS, alpha], axis=-1)
    share = alpha / 255.0
    wanted = PIXELS * share + background * (1 - share)
    got = both(lambda x: preprocessing.composite(x, background), image)
    np.testing.assert_allclose(got, wanted, atol=0.51)


def test_pad_to_square_centres():
    padded = preprocessing.pad_to_square(np.full((2, 28, 26, 1), 9, np.uint8), 32).numpy()
    assert padded.shape == (2, 32, 32, 1)
    assert (padded[:, 2:30, 3:29] == 9).all()
    assert padded.sum() == 2 * 28 * 26 * 9
    large = np.zeros((1, 40, 40, 1), np.uint8)
    assert preprocessing.pad_to_square(large, 32).shape == large.shape


def test_mirror():
    images = np.stack([PIXELS, PIXELS])
    got = both(preprocessing.mirror, images, np.array([True, False]))
    np.testing.assert_array_equal(got, [PIXELS[:, ::-1], PIXELS])
