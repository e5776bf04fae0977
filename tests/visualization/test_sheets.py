import io

import numpy as np
import pytest
from PIL import Image

from sagan_tf.images import enlarge_to, png
from sagan_tf.visualization import sheets

ROWS = [np.full((3, 32, 32, 1), value, np.uint8) for value in (40, 200)]


def test_a_sheet_has_rows_captions_and_a_heading():
    plain = sheets.sheet(ROWS)
    assert plain.shape == (2 * 34 + 2, 3 * 34 + 2, 3)
    assert (plain[2:34, 2:34] == 40).all() and (plain[36:68, 70:102] == 200).all()
    told = sheets.sheet(ROWS, ["first", "a longer caption"], "heading")
    left, top = told.shape[1] - plain.shape[1], told.shape[0] - plain.shape[0]
    np.testing.assert_array_equal(told[top:, left:], plain)
    for part in (told[:top], told[top : top + 34, :left], told[top + 34 :, :left]):
        assert part.min() < 128, "there is text"


def test_images_are_enlarged_by_whole_numbers():
    images = np.random.default_rng(0).integers(0, 256, (2, 24, 24, 1), np.uint8)
    large = enlarge_to(images, 64)
    assert large.shape == (2, 72, 72, 1)
    np.testing.assert_array_equal(large[:, ::3, ::3], images)
    assert enlarge_to(images, 10).shape == images.shape


@pytest.mark.parametrize("kind", ["gif", "webp"])
def test_animations_keep_their_frames(kind):
    frames = [np.full((16, 16, 1), value, np.uint8) for value in (0, 100, 250)]
    picture = Image.open(io.BytesIO(sheets.animation(frames, kind, 80)))
    assert picture.n_frames == 3 and picture.info["loop"] == 0
    seen = []
    for index in range(3):
        picture.seek(index)
        seen.append(np.asarray(picture.convert("L")).mean())
    np.testing.assert_allclose(seen, [0, 100, 250], atol=2)


def test_png_round_trip():
    image = np.random.default_rng(0).integers(0, 256, (5, 7, 3), np.uint8)
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(png(image)))), image)
