import numpy as np

from sagan_tf.visualization import attention

IMAGE = np.full((64, 64, 1), 100, np.uint8)
RED, BLUE = (255, 0, 0), (0, 0, 255)


def colored(picture, channel):
    """How much more there is of one colour than of the others, at each pixel."""
    others = [c for c in range(3) if c != channel]
    return picture[..., channel].astype(float) - picture[..., others].max(axis=-1)


def test_an_overlay_lights_the_place_that_is_looked_at():
    for row, column in ((0, 0), (0, 3), (3, 0), (3, 3)):
        look = np.zeros((4, 4))
        look[row, column] = 0.9
        picture = attention.overlay(IMAGE, look, (0.5, 0.5), RED)
        assert picture.shape == (64, 64, 3) and picture.dtype == np.uint8
        redness = colored(picture, 0)
        redness[28:37, 28:37] = 0  # the query's own dot
        quarters = redness.reshape(2, 32, 2, 32).mean(axis=(1, 3))
        assert np.unravel_index(quarters.argmax(), (2, 2)) == (row // 3, column // 3)
        assert np.sort(quarters.ravel())[-2] < 0.1 * quarters.max()


def test_where_nobody_looks_the_image_stays_visible_but_dim():
    image = IMAGE.copy()
    image[40:] = 200
    look = np.zeros((4, 4))
    look[0, 0] = 1.0
    picture = attention.overlay(image, look, (0.1, 0.1), RED)
    assert np.ptp(picture[60, 60]) == 0  # gray
    assert 20 < picture[35, 60, 0] < 100 and picture[60, 60, 0] == 2 * picture[35, 60, 0]


def test_the_scale_of_a_map_does_not_matter():
    look = np.random.default_rng(0).random((8, 8))
    pictures = [attention.overlay(IMAGE, s * look, (0.5, 0.5), BLUE) for s in (1.0, 1e-3)]
    np.testing.assert_array_equal(*pictures)
    dark = attention.overlay(IMAGE, 0 * look, (0.5, 0.5), BLUE)
    assert np.isfinite(dark).all() and dark[5, 5].max() < 100


def test_dots_are_at_their_points():
    picture = attention.with_dots(IMAGE, [(0.25, 0.75), (0.75, 0.25)], [RED, BLUE])
    assert tuple(picture[16, 48]) == RED and tuple(picture[48, 16]) == BLUE
    changed = (picture != 100).any(axis=-1)
    assert 10 < changed.sum() < 100


def test_choose_takes_the_queries_at_the_points():
    maps = np.arange(2 * 4 * 4 * 2 * 2, dtype=np.float32).reshape(2, 4, 4, 2, 2)
    chosen, points = attention.choose(maps, [(0.0, 0.99), (0.5, 0.25)])
    np.testing.assert_array_equal(chosen[:, 0], maps[:, 0, 3])
    np.testing.assert_array_equal(chosen[:, 1], maps[:, 2, 1])
    assert points == [(0.125, 0.875), (0.625, 0.375)]


def test_a_sheet_has_the_image_and_each_query():
    maps = np.zeros((2, 3, 4, 4))
    maps[:, :, 0, 0] = 1.0
    images = np.stack([IMAGE, IMAGE])
    sheet = attention.attention_sheet(images, maps, attention.POINTS[:3], ["a", "b"], height=64)
    assert sheet.shape[0] == 2 * 66 + 2 and sheet.shape[1] > 4 * 66
