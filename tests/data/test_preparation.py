"""Preparation: the right pixels, complete files only, and resuming after a kill."""

import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import tensorflow as tf

from sagan_tf import hashing
from sagan_tf.data import preparation, sources
from sagan_tf.errors import DataError
from tests.data.pictures import CLASSES, COUNT, encode, number_of, numbered, photo

ROOT = pathlib.Path(__file__).parents[2]
JPEG = encode(photo(20, 16), "JPEG")


def contents(directory):
    """{file: bytes} of a prepared directory."""
    return {path.name: path.read_bytes() for path in pathlib.Path(directory).iterdir()}


def prepare(source, config, out, *arguments, **options):
    return preparation.prepare(source, config, str(out), *arguments, **options)


def test_every_kind_of_source_is_prepared(opened, tmp_path, datasets):
    source, config = opened()
    result = prepare(source, config, tmp_path / "out", 5)
    assert (result.num_examples, len(result.shards)) == (COUNT, 5)
    assert result.histogram == {0: 13, 1: 12, 2: 12}
    assert result.class_names == source.class_names
    again = sources.open_source(config.replace(dataset=f"tfrecord:{tmp_path / 'out'}"))
    loaded = [(example.label, number_of(example.load()[0])) for example in again.examples()]
    assert sorted(number for _, number in loaded) == list(range(COUNT))
    assert all(number % CLASSES == label for label, number in loaded)


def test_pixels_are_those_of_direct_training(write_folder, settings, tmp_path):
    path = write_folder({f"{k}/{i}.jpg": JPEG for k in "ab" for i in range(3)})
    config = settings(dataset=f"folder:{path}")
    source = sources.open_source(config)
    prepare(source, config, tmp_path / "out")
    again = sources.open_source(config.replace(dataset=f"tfrecord:{tmp_path / 'out'}"))
    wanted = next(source.examples()).load()[0]
    for example in again.examples():
        np.testing.assert_array_equal(example.load()[0], wanted)


def test_dataset_json(datasets, settings, tmp_path):
    config = settings(dataset=datasets["folder"], channels=1, background="black")
    prepare(sources.open_source(config), config, tmp_path / "out", 2)
    values = json.loads((tmp_path / "out" / "dataset.json").read_text())
    assert values["num_examples"] == COUNT
    assert values["class_names"] == ["a", "b", "c"]
    assert values["histogram"] == {"0": 13, "1": 12, "2": 12}
    assert values["source"] == datasets["folder"]
    assert values["preprocessing"] == {
        "resolution": 16,
        "channels": 1,
        "crop": "square",
        "background": "black",
    }
    assert len(values["checksum"]) == 64
    for shard in values["shards"]:
        path = tmp_path / "out" / shard["file"]
        assert hashing.file_sha256(str(path)) == shard["sha256"]
        assert path.stat().st_size == shard["num_bytes"]


def test_stored_order_is_shuffled_by_the_seed(datasets, settings, tmp_path):
    labels = []
    for seed in (0, 1):
        config = settings(dataset=datasets["folder"], channels=1, seed=seed)
        out = tmp_path / f"out{len(labels)}"
        prepare(sources.open_source(config), config, out, 1)
        again = sources.open_source(config.replace(dataset=f"tfrecord:{out}"))
        labels.append([example.label for example in again.examples()])
    assert labels[0] != labels[1]
    assert labels[0] != sorted(labels[0])


def test_more_shards_than_images(write_folder, settings, tmp_path):
    path = write_folder({f"{k}/1.jpg": JPEG for k in "ab"})
    config = settings(dataset=f"folder:{path}")
    result = prepare(sources.open_source(config), config, tmp_path / "out", 50)
    assert [shard.num_examples for shard in result.shards] == [1, 1]


def test_shards_are_a_multiple_of_eight_by_default(settings):
    class Million:
        num_examples = 1_281_167

    config = settings(resolution=128, attention_resolution=32)
    number = preparation._default_num_shards(Million, config)
    assert number % 8 == 0
    assert Million.num_examples * 128 * 128 * 3 / number < 256 * 2**20


def test_a_finished_preparation_is_left_alone(datasets, settings, tmp_path):
    config = settings(dataset=datasets["idx"], channels=1)
    source = sources.open_source(config)
    first = prepare(source, config, tmp_path / "out", 3)
    before = {p: p.stat().st_mtime_ns for p in (tmp_path / "out").iterdir()}
    assert prepare(source, config, tmp_path / "out", 3) == first
    assert {p: p.stat().st_mtime_ns for p in (tmp_path / "out").iterdir()} == before


@pytest.mark.parametrize(
    ("changes", "shards", "message"),
    [
        ({"seed": 5}, 3, "was begun with seed=0, not 5; use another directory"),
        ({}, 4, "was begun with num_shards=3, not 4"),
        ({"background": "gray"}, 3, "was begun with preprocessing="),
    ],
)
def test_another_plan_overwrites_nothing(datasets, settings, tmp_path, changes, shards, message):
    config = settings(dataset=datasets["idx"], channels=1)
    prepare(sources.open_source(config), config, tmp_path / "out", 3)
    before = contents(tmp_path / "out")
    other = config.replace(**changes)
    with pytest.raises(DataError, match=message):
        prepare(sources.open_source(other), other, tmp_path / "out", shards)
    assert contents(tmp_path / "out") == before


def test_a_preparation_goes_on_after_its_data_moved(write_folder, settings, tmp_path):
    path = write_folder({f"{k}/{i}.png": numbered(i) for k in "ab" for i in range(4)})
    config = settings(dataset=f"folder:{path}")
    whole = prepare(sources.open_source(config), config, tmp_path / "out", 3)
    (tmp_path / "out" / "dataset.json").unlink()
    moved = config.replace(dataset=f"folder:{tmp_path / 'moved'}")
    os.rename(path, tmp_path / "moved")
    again = prepare(sources.open_source(moved), moved, tmp_path / "out", 3)
    assert [shard.sha256 for shard in again.shards] == [shard.sha256 for shard in whole.shards]
    (tmp_path / "moved" / "a" / "0.png").write_bytes(encode(numbered(30), "PNG"))
    with pytest.raises(DataError, match="was begun with sample=.*use another directory"):
        prepare(sources.open_source(moved), moved, tmp_path / "out", 3)


def test_a_plan_of_an_earlier_version_stays_good(write_folder, settings, tmp_path):
    path = write_folder({f"{k}/{i}.png": numbered(i) for k in "ab" for i in range(4)})
    config = settings(dataset=f"folder:{path}")
    source = sources.open_source(config)
    whole = prepare(source, config, tmp_path / "out", 3)
    plan = json.loads((tmp_path / "out" / "preparation.json").read_text())
    del plan["sample"]
    (tmp_path / "out" / "preparation.json").write_text(json.dumps(plan))
    assert prepare(source, config, tmp_path / "out", 3) == whole


def test_a_strange_directory_is_left_alone(datasets, settings, tmp_path):
    (tmp_path / "thesis.doc").write_text("precious")
    config = settings(dataset=datasets["idx"], channels=1)
    with pytest.raises(DataError, match="is not empty and was not made by prepare_data"):
        prepare(sources.open_source(config), config, tmp_path)
    assert contents(tmp_path) == {"thesis.doc": b"precious"}


def test_a_directory_that_cannot_be_written_is_named(datasets, settings, tmp_path):
    config = settings(dataset=datasets["idx"], channels=1)
    source = sources.open_source(config)
    (tmp_path / "file").write_text("precious")
    bad = os.fsdecode(os.path.join(os.fsencode(tmp_path), b"caf\xe9"))
    for out, message in [
        ("/proc/nowhere", "/proc/nowhere cannot be written: "),
        (tmp_path / "file", "file is a file; it must be a directory"),
        (tmp_path / "file" / "out", "out cannot be written: "),
        (bad, "is not UTF-8; rename"),
    ]:
        with pytest.raises(DataError, match=message):
            prepare(source, config, out)
    assert contents(tmp_path) == {"file": b"precious"}


def test_a_full_disk_is_named(datasets, settings, tmp_path, monkeypatch):
    def full(*_):
        raise tf.errors.ResourceExhaustedError(None, None, "No space left on device")

    config = settings(dataset=datasets["idx"], channels=1)
    source = sources.open_source(config)
    monkeypatch.setattr(tf.io.TFRecordWriter, "write", full)
    with pytest.raises(DataError, match="out cannot be written: No space left on device"):
        prepare(source, config, tmp_path / "out", 3)
    monkeypatch.undo()
    assert prepare(source, config, tmp_path / "out", 3).num_examples == COUNT


BROKEN = {"a/cut.jpg": JPEG[:300], "b/empty.png": b"", "b/text.jpg": b"hello, I am text"}


def test_unreadable_images_are_all_named(write_folder, settings, tmp_path):
    good = {f"{k}/{i}.png": numbered(i) for k in "ab" for i in range(4)}
    path = write_folder({**good, **BROKEN})
    config = settings(dataset=f"folder:{path}")
    source = sources.open_source(config)
    with pytest.raises(DataError, match="3 images cannot be read") as error:
        prepare(source, config, tmp_path / "out", 4)
    for name in BROKEN:
        assert f"{path}/{name}: " in str(error.value)
    assert "dataset.json" not in contents_names(tmp_path / "out")
    result = prepare(source, config, tmp_path / "out", 4, skip_unreadable=True)
    assert result.num_examples == 8
    skipped = sorted(name for shard in result.shards for name in shard.skipped)
    assert skipped == sorted(f"{path}/{name}" for name in BROKEN)
    assert "in_progress" not in contents_names(tmp_path / "out")


def contents_names(directory):
    return {path.name for path in pathlib.Path(directory).iterdir()}


def test_a_shorter_source_than_announced(datasets, settings, tmp_path):
    config = settings(dataset="tfds:tiny_pictures", channels=1)
    source = sources.open_source(config, str(datasets["root"] / "tfds"))
    source.num_examples = COUNT + 3
    with pytest.raises(DataError, match=f"announces {COUNT + 3} images but holds {COUNT}"):
        prepare(source, config, tmp_path / "out", 2)


def test_killed_preparations_carry_on(write_folder, settings, tmp_path):
    """SIGKILL in the middle; the result in the end is that of one undisturbed run."""
    path = write_folder(
        {f"{i % 3}/{i:03d}.jpg": encode(photo(90, 70, i), "JPEG") for i in range(240)}
    )
    out, undisturbed = tmp_path / "out", tmp_path / "undisturbed"
    command = [
        sys.executable,
        str(ROOT / "train" / "prepare_data.py"),
        f"--dataset=folder:{path}",
        "--resolution=64",
        "--num_shards=24",
        f"--out={out}",
    ]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_for(lambda: len(list(out.glob("*.tfrecord"))) >= 3, process)
    process.send_signal(signal.SIGKILL)
    process.wait()
    finished = {p: p.stat().st_mtime_ns for p in out.glob("*.tfrecord")}
    assert 3 <= len(finished) < 24
    assert not (out / "dataset.json").exists()
    config = settings(dataset=f"tfrecord:{out}", resolution=64)
    with pytest.raises(DataError, match="not prepared to its end"):
        sources.open_source(config)
    (out / "in_progress" / "images-00023-of-00024.tfrecord").write_bytes(b"half-written")
    folder = config.replace(dataset=f"folder:{path}")
    source = sources.open_source(folder)
    result = preparation.prepare(source, folder, str(out), 24)
    assert {p: p.stat().st_mtime_ns for p in finished} == finished
    assert result == preparation.prepare(source, folder, str(undisturbed), 24)
    assert contents(out) == contents(undisturbed)


def wait_for(condition, process, seconds=120):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end and process.poll() is None
        time.sleep(0.002)


def test_a_shard_without_its_note_is_made_again(datasets, settings, tmp_path):
    config = settings(dataset=datasets["idx"], channels=1)
    source = sources.open_source(config)
    out = tmp_path / "out"
    whole = prepare(source, config, out, 3)
    (out / "dataset.json").unlink()
    cut = out / whole.shards[1].file
    os.truncate(cut, 100)
    (out / "in_progress").mkdir()
    assert prepare(source, config, out, 3) == whole
    assert tf.io.gfile.stat(str(cut)).length == whole.shards[1].num_bytes


def test_killed_at_once(datasets, settings, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "preparation.json.tmp-1").write_text("{")
    config = settings(dataset=datasets["idx"], channels=1)
    result = prepare(sources.open_source(config), config, tmp_path / "out", 3)
    assert result.num_examples == COUNT


def test_nothing_readable_is_not_a_data_set(write_folder, settings, tmp_path):
    config = settings(dataset=f"folder:{write_folder(BROKEN)}")
    source = sources.open_source(config)
    with pytest.raises(DataError, match="none of the 3 images of folder:.* can be read"):
        prepare(source, config, tmp_path / "out", skip_unreadable=True)
    assert not (tmp_path / "out" / "dataset.json").exists()


def test_a_shard_of_broken_images_is_empty(write_folder, settings, tmp_path):
    path = write_folder({"a/good.png": numbered(3), "b/good.png": numbered(4), **BROKEN})
    config = settings(dataset=f"folder:{path}")
    prepare(sources.open_source(config), config, tmp_path / "out", 5, skip_unreadable=True)
    again = sources.open_source(config.replace(dataset=f"tfrecord:{tmp_path / 'out'}"))
    assert sorted(number_of(example.load()[0]) for example in again.examples()) == [3, 4]
