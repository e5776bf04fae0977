"""Folders of images."""

import os
import pathlib

import pytest
import tensorflow as tf

from sagan_tf.data import decoding, folder, pipeline, preflight, sources
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
        ({"readme.txt": b"hello"}, "no images .jpg, .*webp. in /.*images or its sub"),
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


SPLITS = ["train", "val", "test", "Training", "VALIDATION", "train2017", "test_set", "dev"]


@pytest.mark.parametrize("names", [["train", "val"], ["test"], SPLITS])
def test_splits_are_not_classes(write_folder, settings, names):
    path = write_folder({f"{name}/cats/{name}.jpg": JPEG for name in names})
    with pytest.raises(DataError, match="are splits, not classes: ") as error:
        folder.FolderSource(path, settings())
    for name in names:
        assert name in str(error.value) and f"--dataset=folder:{path}/{name}" in str(error.value)


def test_a_class_may_have_the_name_of_a_split(write_folder, settings, tmp_path):
    names = ("bus", "car", "tested", "train", "trains", "valley")
    path = write_folder({f"{name}/{i}.jpg": JPEG for name in names for i in range(2)})
    config = settings(dataset=f"folder:{path}", num_classes=len(names))
    source = folder.FolderSource(path, config)
    assert source.class_names == names
    report = preflight.check(source, config, str(tmp_path / "out"))
    assert "warning: the classes train have the names of splits" in str(report)
    assert preflight.check(source, config, str(tmp_path / "out")) == report


def test_splits_inside_of_classes_are_a_warning(write_folder, settings):
    files = {f"cats/{split}/{split}.jpg": JPEG for split in ("train", "val")}
    path = write_folder({**files, "dogs/train/1.jpg": JPEG})
    source = folder.FolderSource(path, settings())
    assert source.warnings == (f"the class folder {path}/cats mixes several splits",)


def test_circles_of_links_end(write_folder, settings):
    path = pathlib.Path(write_folder({f"cats/{k}/{i}.jpg": JPEG for k in "ab" for i in range(4)}))
    write_folder({"dogs/1.jpg": JPEG})
    for link, target in [
        ("cats/itself", "."),
        ("cats/a/up", ".."),
        ("cats/a/across", "../b"),
        ("cats/b/across", "../a"),
        ("dogs/all", ".."),
        ("whole", "."),
    ]:
        (path / link).symlink_to(target, target_is_directory=True)
    source = folder.FolderSource(str(path), settings())
    assert source.class_names == ("cats", "dogs")
    real = [os.path.realpath(p) for p in source.paths]
    assert len(real) == len(set(real)) == 9
    (warning,) = source.warnings
    assert "links to folders that are listed already are left out" in warning


def test_links_to_other_places_are_followed(write_folder, settings):
    pool = write_folder({"1.jpg": JPEG, "2.jpg": JPEG}, "pool")
    path = pathlib.Path(write_folder({"cats/0.jpg": JPEG}))
    (path / "cats" / "more").symlink_to(pool)
    (path / "dogs").symlink_to(pool)
    source = folder.FolderSource(str(path), settings())
    assert source.class_names == ("cats", "dogs") and source.labels.tolist() == [0, 0, 0, 1, 1]
    assert source.warnings == ()


def test_system_folders_are_no_classes(write_folder, settings):
    junk = ("__MACOSX", "lost+found", "@eaDir", "$RECYCLE.BIN", "System Volume Information")
    files = {f"{name}/1.jpg": JPEG for name in ("cats", "dogs")}
    files |= {f"{name}/._1.jpg": b"" for name in junk}
    files |= {f"cats/{name}/1.jpg": b"not an image" for name in junk}
    source = folder.FolderSource(write_folder(files), settings())
    assert source.class_names == ("cats", "dogs") and source.num_examples == 2


def test_jfif_is_jpeg_and_other_formats_are_named(write_folder, settings, tmp_path):
    path = write_folder(
        {
            "a/1.jfif": JPEG,
            "a/2.JPE": JPEG,
            "b/3.jpg": JPEG,
            "b/4.gif": b"GIF89a",
            "b/5.GIF": b"GIF89a",
            "b/6.heic": b"",
            "b/notes.txt": b"",
        }
    )
    config = settings(dataset=f"folder:{path}", num_classes=2)
    source = folder.FolderSource(path, config)
    assert [os.path.basename(p) for p in source.paths] == ["1.jfif", "2.JPE", "3.jpg"]
    text = str(preflight.check(source, config, str(tmp_path / "out")))
    assert "warning: 3 images in formats that cannot be read are left out (2 .gif, 1 .heic)" in text


@pytest.mark.parametrize("bad", [b"cats/caf\xe9.jpg", b"caf\xe9/1.jpg", b"cats/caf\xe9/1.jpg"])
def test_names_that_are_not_utf8_are_named(write_folder, settings, bad):
    path = write_folder({"cats/0.jpg": JPEG, "dogs/0.jpg": JPEG})
    target = os.path.join(os.fsencode(path), bad)
    os.makedirs(os.path.dirname(target), exist_ok=True)
    with open(target, "wb") as file:
        file.write(JPEG)
    with pytest.raises(DataError, match=r"has the name b'caf\\xe9.*', which is not UTF-8"):
        folder.FolderSource(path, settings())


def test_a_data_path_that_is_not_utf8_is_named(tmp_path, settings):
    path = os.fsdecode(os.path.join(os.fsencode(tmp_path), b"caf\xe9"))
    os.makedirs(path)
    for kind in ("folder", "tfrecord", "idx"):
        with pytest.raises(DataError, match="is not UTF-8; rename") as error:
            sources.open_source(settings(dataset=f"{kind}:{path}"))
        str(error.value).encode()
