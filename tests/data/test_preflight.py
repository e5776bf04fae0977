"""The preflight finds the faults of a data set, and names them."""

import hashlib
import json
import pathlib

import numpy as np
import pytest
from PIL import Image

from sagan_tf.data import loading, preflight, sources
from sagan_tf.errors import DataError
from tests.data.conftest import write_idx
from tests.data.pictures import COUNT, encode, number_of, numbered, photo

JPEG = encode(photo(40, 30), "JPEG")


def check(config, out):
    return preflight.check(sources.open_source(config), config, str(out))


def test_report_of_every_kind_of_source(opened, tmp_path):
    source, config = opened()
    report = preflight.check(source, config, str(tmp_path))
    assert (report.num_examples, report.num_checked) == (COUNT, COUNT)
    assert report.histogram == {0: 13, 1: 12, 2: 12}
    assert report.class_names == source.class_names
    assert (report.unseen, report.too_small) == ((), ())
    text = str(report)
    assert "37 images, 3 labels" in text and "13  0" in text
    assert preflight.Report.read(str(tmp_path)) == report
    assert set(json.loads((tmp_path / "data.json").read_text())["histogram"]) == {"0", "1", "2"}


@pytest.mark.parametrize("opened", ["idx", "folder"], indirect=True)
def test_the_picture_is_what_the_network_sees(opened, tmp_path):
    source, config = opened(global_batch_size=16)
    preflight.check(source, config, str(tmp_path))
    grid = np.asarray(Image.open(tmp_path / "data.png"))
    assert grid.shape == (8 * 18 + 2, 8 * 18 + 2)
    tiles = [
        grid[2 + 18 * r : 18 + 18 * r, 2 + 18 * c : 18 + 18 * c] for r in range(8) for c in range(8)
    ]
    labels = [number_of(tile) % 3 for tile in tiles]
    assert labels == sorted(labels) and len(set(labels)) == 3


def test_every_unreadable_file_is_named(write_folder, settings, tmp_path):
    broken = {
        "a/truncated.jpg": JPEG[: len(JPEG) // 2],
        "a/zero bytes.png": b"",
        "b/text.jpg": b"just some text",
        "b/ünï.jpeg": b"\xff\xd8\xff",
        **{f"b/{i}.png": b"\x89PNG" for i in range(4)},
    }
    path = write_folder({"a/1.jpg": JPEG, "b/2.png": numbered(3), **broken})
    with pytest.raises(DataError, match="8 images cannot be read: .*and 3 more; all are") as error:
        check(settings(dataset=f"folder:{path}", num_classes=2), tmp_path / "out")
    assert "\n" not in str(error.value) and len(str(error.value)) < 3000
    listed = (tmp_path / "out" / "unreadable.txt").read_text()
    assert len(listed.splitlines()) == 8
    for name in broken:
        assert f"{path}/{name}: " in listed
    assert not (tmp_path / "out" / "data.json").exists()


def test_entries_that_are_no_files_are_named(write_folder, settings, tmp_path):
    path = pathlib.Path(write_folder({"a/1.jpg": JPEG, "b/1.jpg": JPEG}))
    (path / "a" / "dangling.jpg").symlink_to("nowhere")
    (path / "b" / "folder.jpg").mkdir()
    with pytest.raises(DataError, match="2 images cannot be read: .*dangling.jpg: .*folder.jpg: "):
        check(settings(dataset=f"folder:{path}", num_classes=2), tmp_path / "out")


def test_a_directory_that_cannot_be_written_is_named(datasets, settings):
    with pytest.raises(DataError, match="/proc/nowhere cannot be written: "):
        check(settings(dataset=datasets["idx"]), "/proc/nowhere")


def test_small_images_are_named_and_pass(write_folder, settings, tmp_path):
    path = write_folder(
        {"a/1.png": Image.new("RGB", (1, 1)), "a/2.png": photo(15, 40), "b/3.png": photo(16, 16)}
    )
    report = check(settings(dataset=f"folder:{path}", num_classes=2), tmp_path / "out")
    assert report.too_small == (f"{path}/a/1.png (1x1)", f"{path}/a/2.png (15x40)")
    assert "warning: 2 images are smaller than the resolution and will be blurred: " in str(report)


@pytest.mark.parametrize("opened", ["idx", "prepared"], indirect=True)
def test_labels_outside_num_classes(opened, tmp_path):
    source, config = opened(num_classes=2)
    with pytest.raises(DataError, match="num_classes=2, but .* has the label 2; labels must be in"):
        preflight.check(source, config, str(tmp_path))
    assert not (tmp_path / "data.json").exists()


def test_one_class_is_not_enough(write_folder, settings, tmp_path):
    path = write_folder({"only/1.png": numbered(1), "only/2.png": numbered(2)})
    with pytest.raises(DataError, match="all 2 images of .* have the label 0; use"):
        check(settings(dataset=f"folder:{path}"), tmp_path / "out")


def test_classes_without_images_are_a_warning(datasets, settings, tmp_path):
    report = check(settings(dataset=datasets["prepared"], channels=1, num_classes=5), tmp_path)
    assert report.unseen == (3, 4)
    assert "warning: no images of 2 classes: 3, 4" in str(report)


def test_many_labels_are_summarized(tmp_path, settings):
    images = np.zeros((100, 32, 32), np.uint8)
    write_idx(tmp_path / "idx", images)
    labels = bytes([0, 0, 8, 1]) + np.array([100], ">u4").tobytes() + bytes(range(100))
    (tmp_path / "idx" / "train-labels-idx1-ubyte").write_bytes(labels)
    report = check(settings(dataset=f"idx:{tmp_path / 'idx'}", num_classes=100), tmp_path / "out")
    assert "... 100 labels, 1 to 1 images" in str(report)
    assert len(str(report).splitlines()) < 30


def test_a_passed_check_is_remembered(write_folder, settings, tmp_path, monkeypatch):
    path = write_folder({f"{k}/{i}.png": numbered(i) for k in "ab" for i in range(3)})
    config = settings(dataset=f"folder:{path}", num_classes=2)
    first = check(config, tmp_path / "out")
    assert first.class_names == ("a", "b") and "3  0 a" in str(first)
    calls = []
    original = loading.load_all
    monkeypatch.setattr(loading, "load_all", lambda e: calls.append(1) or original(e))
    assert check(config, tmp_path / "out") == first and not calls
    (pathlib.Path(path) / "a" / "new.png").write_bytes(b"")
    with pytest.raises(DataError, match="1 images cannot be read: .*new.png"):
        check(config, tmp_path / "out")
    assert calls


def test_changes_since_the_last_check_are_warnings(write_folder, settings, tmp_path):
    path = write_folder({f"{k}/{i}.png": numbered(i) for k in "ab" for i in range(3)})
    config = settings(dataset=f"folder:{path}", num_classes=2)
    assert "warning" not in str(check(config, tmp_path / "out"))
    write_folder({"a/9.png": numbered(9), "b/9.png": numbered(9)})
    text = str(check(config, tmp_path / "out"))
    assert "warning: 2 images more than at the last check, which found 6" in text
    assert "warning" not in str(check(config, tmp_path / "out"))
    pathlib.Path(path, "a", "9.png").rename(pathlib.Path(path, "a", "8.png"))
    text = str(check(config, tmp_path / "out"))
    assert "warning: images have other names, labels or contents than at the last" in text
    write_folder({"b/1.png": numbered(7)})
    text = str(check(config, tmp_path / "out"))
    assert "warning: some files have other contents than at the last check" in text
    pathlib.Path(path, "a", "8.png").unlink()
    assert "warning: 1 images fewer than" in str(check(config, tmp_path / "out"))


def test_a_report_of_an_earlier_version_stays_good(write_folder, settings, tmp_path, monkeypatch):
    path = write_folder({f"{k}/{i}.png": numbered(i) for k in "ab" for i in range(3)})
    config = settings(dataset=f"folder:{path}", num_classes=2)
    first = check(config, tmp_path / "out")
    values = json.loads((tmp_path / "out" / "data.json").read_text())
    lines = "".join(f"{path}/{k}/{i}.png\0{label}\n" for label, k in enumerate("ab") for i in "012")
    assert values["fingerprint"] == hashlib.sha256(lines.encode()).hexdigest()
    for name in ("sample", "earlier", "warnings"):
        del values[name]
    (tmp_path / "out" / "data.json").write_text(json.dumps(values))
    monkeypatch.setattr(loading, "load_all", lambda _: pytest.fail("checked again"))
    assert check(config, tmp_path / "out") == first


def test_huge_sequential_sources_are_checked_in_part(datasets, settings, tmp_path, monkeypatch):
    monkeypatch.setattr(preflight, "_MAX_RECORDS", 20)
    config = settings(dataset="tfds:tiny_pictures", channels=1)
    source = sources.open_source(config, str(datasets["root"] / "tfds"))
    report = preflight.check(source, config, str(tmp_path))
    assert (report.num_examples, report.num_checked) == (COUNT, 20)
    assert "checked the first 20 records" in str(report)


def test_another_versions_report_is_not_believed(datasets, settings, tmp_path):
    for text in ("{", "[]", "{}", '{"class_names": null}'):
        (tmp_path / "data.json").write_text(text)
        assert check(settings(dataset=datasets["idx"]), tmp_path).num_examples == COUNT
