"""Folders of images."""

import os

import pytest
import tensorflow as tf

from sagan_tf.data import decoding, folder, pipeline, preflight
from sagan_tf.errors import DataError
from tests.data.pictures import encode, numbered, photo

JPEG = encode(photo(20, 16), "JPEG")


def test_sub_folders_are_classes_whatever_the_names(write_folder, settings):
    long_name = "x" * 240
    path = write_folder(
        {
            "b/UPPER.JPEG": JPEG,
            "b/two.jpg": JPEG,
            "a/ünï-cödé 猫.png": numbered(1),
            "a/deeper/still/one.bmp": encode(photo(20, 16), "BMP"),
            f"c/{long_name}.jpeg": JPEG,
            "c/other.png": numbered(2),
            "c/.hidden.jpg": b"not an image",
            "c/notes.txt": b"not an image",
            ".git/x.jpg": b"not an image",
        }
    )
    config = settings(dataset=f"folder:{path}")
    source = folder.FolderSource(path, config)
    assert source.class_names == ("a", "b", "c")
    assert source.labels.tolist() == [0, 0, 1, 1, 2, 2]
    assert {os.path.basename(p) for p in source.paths} == {
        "ünï-cödé 猫.png",
        "one.bmp",
        "UPPER.JPEG",
        "two.jpg",
        f"{long_name}.jpeg",
        "other.png",
    }
    report = preflight.check(source, config, path + "-check")
    assert report.histogram == {0: 2, 1: 2, 2: 2} and report.num_checked == 6
    images, labels = next(iter(pipeline.training_batches(source, config)))
    assert images.shape == (4, 16, 16, 3) and set(labels.numpy()) <= {0, 1, 2}


def test_a_flat_folder_is_unconditional(write_folder, settings):
    path = write_folder({f"{i}.png": numbered(i) for i in range(5)})
    config = settings(dataset=f"folder:{path}", num_classes=None)
    source = folder.FolderSource(path, config)
    assert (source.num_examples, source.class_names, source.has_labels) == (5, None, False)
    _, labels = next(iter(pipeline.training_batches(source, config)))
    assert labels.numpy().tolist() == [0] * 4
    with pytest.raises(DataError, match="has no classes, but num_classes=3; use num_classes=none"):
        pipeline.training_batches(source, settings(dataset=f"folder:{path}"))


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"readme.txt": b"hello"}, "no images .jpg, jpeg, png, bmp, webp. in /.*images or its sub"),
        (
            {"a/1.jpg": JPEG, "2.jpg": JPEG},
            "images both in sub-folders and directly in it, .*2.jpg",
        ),
        ({"a/1.jpg": JPEG, "b/notes.txt": b""}, "class folder .*/b has no images"),
    ],
)
def test_unusable_folders(write_folder, settings, files, message):
    with pytest.raises(DataError, match=message):
        folder.FolderSource(write_folder(files), settings())


def test_a_missing_folder_is_named_absolutely(settings, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=f"there is no folder {tmp_path}/nowhere"):
        folder.FolderSource("nowhere", settings())


def test_webp_is_refused_where_tensorflow_cannot_read_it(write_folder, settings, monkeypatch):
    monkeypatch.setattr(decoding, "can_read_webp", lambda: False)
    with pytest.raises(DataError, match="cannot read WebP, such as .*1.webp"):
        folder.FolderSource(write_folder({"1.webp": b"RIFF"}), settings())


def test_listing_asks_for_the_type_of_no_image(write_folder, settings, monkeypatch):
    """A question for each file would take minutes in a bucket with 100,000 images."""
    path = write_folder({f"{label}/{index}.jpg": JPEG for label in "ab" for index in range(20)})
    asked = []
    isdir = tf.io.gfile.isdir
    monkeypatch.setattr(tf.io.gfile, "isdir", lambda p: asked.append(p) or isdir(p))
    assert folder.FolderSource(path, settings()).num_examples == 40
    assert len(asked) <= 3
