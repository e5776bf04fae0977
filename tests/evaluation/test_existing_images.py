import numpy as np
import pytest
from PIL import Image

from sagan_tf.data import loading
from sagan_tf.data.arrays import ArraySource
from sagan_tf.errors import DataError, EvaluationError
from sagan_tf.evaluation.existing_images import FolderImages, SourceImages


def write(folder, count=5, shape=(9, 7, 3), kind="png", seed=0):
    folder.mkdir(exist_ok=True, parents=True)
    images = np.random.default_rng(seed).integers(0, 256, (count, *shape), np.uint8)
    for i, image in enumerate(images):
        Image.fromarray(image.squeeze()).save(folder / f"{i}.{kind}")
    return images


def read(image_set, count, batch_size):
    images = [images for images, _ in image_set.batches(count, batch_size)]
    assert all(len(batch) == batch_size for batch in images)
    return np.concatenate(images)[:count]


@pytest.mark.parametrize("shape", [(9, 7, 3), (8, 8, 1)])
def test_folder_images_are_as_they_are(tmp_path, shape):
    written = write(tmp_path / "images", shape=shape)
    image_set = FolderImages(str(tmp_path / "images"))
    assert (image_set.num_images, tuple(image_set.image_shape)) == (5, shape)
    np.testing.assert_array_equal(read(image_set, 5, 2), written)


def test_palettes_are_colours_and_gray_is_gray(tmp_path):
    """Scores see the pixels that training sees."""
    colours = Image.fromarray(np.arange(9 * 7 * 3, dtype=np.uint8).reshape(9, 7, 3)).quantize(64)
    colours.save(tmp_path / "0.bmp")
    colours.save(tmp_path / "1.png")
    images = read(FolderImages(str(tmp_path)), 2, 2)
    np.testing.assert_array_equal(images, np.stack([np.asarray(colours.convert("RGB"))] * 2))
    gray = tmp_path / "gray"
    gray.mkdir()
    Image.fromarray(np.arange(63, dtype=np.uint8).reshape(9, 7)).save(gray / "0.bmp")
    assert read(FolderImages(str(gray)), 1, 1).shape == (1, 9, 7, 1)


def test_folder_fingerprint_sees_contents(tmp_path):
    write(tmp_path, seed=0)
    first = FolderImages(str(tmp_path)).fingerprint()
    write(tmp_path, seed=1)
    assert FolderImages(str(tmp_path)).fingerprint() != first


def test_bad_folders_are_refused(tmp_path):
    with pytest.raises(DataError, match="there is no folder"):
        FolderImages(str(tmp_path / "none"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="no images"):
        FolderImages(str(tmp_path / "empty"))


def test_mixed_sizes_and_channels_are_named(tmp_path):
    write(tmp_path, 3)
    for shape in ((9, 8, 3), (9, 7)):
        Image.fromarray(np.zeros(shape, np.uint8)).save(tmp_path / "odd.png")
        with pytest.raises(EvaluationError, match=r"odd\.png is .* but others are \(9, 7, 3\)"):
            read(FolderImages(str(tmp_path)), 4, 2)


def test_damaged_images_are_named(tmp_path):
    write(tmp_path, 3)
    (tmp_path / "damaged.png").write_bytes(b"no image")
    with pytest.raises(DataError, match=r"damaged\.png"):
        read(FolderImages(str(tmp_path)), 4, 4)


class SequentialSource(ArraySource):
    random_access = False

    def examples(self):
        return super().examples()


@pytest.mark.parametrize("kind", [ArraySource, SequentialSource])
def test_a_part_of_a_source_is_a_random_one(tiny_config, kind):
    images = np.repeat(np.arange(200, dtype=np.uint8), 256).reshape(200, 16, 16, 1)
    image_set = SourceImages(kind(images, np.arange(200) % 3, None), tiny_config)
    chosen = read(image_set, 50, 16)[:, 0, 0, 0]
    assert len(set(chosen)) == 50
    assert abs(chosen.mean() - 99.5) < 25
    np.testing.assert_array_equal(chosen, read(image_set, 50, 50)[:, 0, 0, 0])


@pytest.mark.parametrize("kind", [ArraySource, SequentialSource])
def test_labels_are_counted_without_decoding(tiny_config, kind, monkeypatch):
    source = kind(np.zeros((9, 16, 16, 1), np.uint8), [0] * 6 + [2] * 3, None)
    if kind is SequentialSource:
        monkeypatch.setattr(source, "known_histogram", lambda: None)
    monkeypatch.setattr(loading, "load_all", lambda *_: pytest.fail("decoded"))
    assert SourceImages(source, tiny_config).label_counts() == {0: 6, 2: 3}


def test_source_fingerprint_sees_pixels_and_order(tiny_config):
    images = np.random.default_rng(0).integers(0, 256, (80, 16, 16, 1), np.uint8)
    prints = {
        SourceImages(ArraySource(x, np.zeros(80), None), tiny_config).fingerprint()
        for x in (images, images[::-1], np.where(images == 7, 8, images))
    }
    assert len(prints) == 3
