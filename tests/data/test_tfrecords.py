"""TFRecord files, prepared and from other software."""

import json
import os
import pathlib
import shutil

import numpy as np
import pytest
import tensorflow as tf

from sagan_tf.data import pipeline, record_format, sources
from sagan_tf.errors import ConfigError, DataError
from tests.data.pictures import COUNT, encode, number_of, numbered


@pytest.fixture
def prepared(datasets, tmp_path):
    """A copy of the prepared pictures, to damage."""
    return pathlib.Path(shutil.copytree(datasets["root"] / "prepared", tmp_path / "prepared"))


def open_records(settings, pattern, **changes):
    return sources.open_source(settings(dataset=f"tfrecord:{pattern}", channels=1, **changes))


def write(path, *examples):
    """Writes records of {feature: bytes, int or float, or a list of them}, or of bytes."""
    with tf.io.TFRecordWriter(str(path)) as writer:
        for example in examples:
            if isinstance(example, bytes):
                writer.write(example)
                continue
            features = {}
            for key, value in example.items():
                values = value if isinstance(value, list) else [value]
                if not values:
                    features[key] = tf.train.Feature()
                elif isinstance(values[0], bytes):
                    features[key] = tf.train.Feature(bytes_list=tf.train.BytesList(value=values))
                elif isinstance(values[0], float):
                    features[key] = tf.train.Feature(float_list=tf.train.FloatList(value=values))
                else:
                    features[key] = tf.train.Feature(int64_list=tf.train.Int64List(value=values))
            features = tf.train.Features(feature=features)
            writer.write(tf.train.Example(features=features).SerializeToString())


@pytest.mark.parametrize("pattern", ["", "/", "/*.tfrecord", "/images-*"])
def test_a_directory_or_a_glob(prepared, settings, pattern):
    source = open_records(settings, f"{prepared}{pattern}")
    assert source.num_examples == COUNT
    assert source.class_names == ("a", "b", "c") and source.has_labels
    assert source.known_histogram() == {0: 13, 1: 12, 2: 12}


def test_records_of_the_released_code(tmp_path, settings):
    """Raw pixels as `image_raw`, a `label`, no dataset.json."""
    pixels = [np.asarray(numbered(i)) for i in range(3)]
    write(tmp_path / "a.tfrecords", *({"image_raw": p.tobytes(), "label": 2} for p in pixels))
    source = open_records(settings, f"{tmp_path}/*.tfrecords", num_classes=3)
    assert (source.num_examples, source.class_names, source.has_labels) == (3, None, True)
    images, labels = next(iter(pipeline.training_batches(source, source.config)))
    assert sorted(map(number_of, images[:3])) == [0, 1, 2]
    assert labels.numpy().tolist() == [2] * 4


def test_encoded_images_without_labels(tmp_path, settings):
    write(tmp_path / "a.tfrecord", {"image": encode(numbered(7), "PNG"), "other": 1})
    source = open_records(settings, tmp_path, num_classes=None)
    assert not source.has_labels
    images, _ = next(iter(pipeline.training_batches(source, source.config)))
    assert [number_of(image) for image in images] == [7] * 4


PNG = encode(numbered(1), "PNG")
BAD_RECORDS = {
    "text label": ({"image": PNG, "label": b"cat"}, "'label' is bytes .*; it must be an integer"),
    "float label": ({"image": PNG, "label": 1.0}, "'label' is a floating-point number; it must be"),
    "no label": ({"image": PNG}, "it has no 'label'"),
    "empty label": ({"image": PNG, "label": []}, "it has no 'label'"),
    "two labels": ({"image": PNG, "label": [1, 2]}, "'label' has 2 values; it must have one"),
    "a label too large": (
        {"image": PNG, "label": 2**32},
        r"'label' is 4294967296; with num_classes=3 it must be in \[0, 3\)",
    ),
    "a negative label": ({"image": PNG, "label": -1}, "'label' is -1; with num_classes=3 it must"),
    "no image": ({"label": 1}, "it has no 'image'"),
    "two images": ({"image": [PNG, PNG], "label": 1}, "'image' has 2 values; it must have one"),
    "a number as image": ({"image": 7, "label": 1}, "'image' is an integer; it must be bytes"),
    "no features": ({}, "it has no 'image'"),
    "no Example": (b"\xff\xff what is this", "it is not a tf.train.Example"),
}


@pytest.mark.parametrize("name", BAD_RECORDS)
@pytest.mark.parametrize("place", [0, 2])
def test_a_bad_record_is_named_by_file_and_number(tmp_path, settings, name, place):
    bad, message = BAD_RECORDS[name]
    good = {"image": PNG, "label": 1}
    write(tmp_path / "a.tfrecord", good, good, good)
    write(tmp_path / "b.tfrecord", *[good] * place, bad, good)
    with pytest.raises(DataError, match=f"record {place} of .*b.tfrecord cannot be .*{message}"):
        open_records(settings, tmp_path)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"image": PNG, "label": b"cat"}, "'label' is bytes"),
        ({"image": PNG, "label": 1.0}, "'label' is a floating-point number"),
        ({"image": [PNG, PNG], "label": 1}, "'image' has 2 values"),
        ({"image_raw": [], "label": 1}, "it has no 'image_raw'"),
        ({"image_raw": 5, "label": 1}, "'image_raw' is an integer"),
    ],
)
def test_a_bad_first_record_is_named(tmp_path, settings, bad, message):
    write(tmp_path / "a.tfrecord", bad)
    with pytest.raises(DataError, match=f"record 0 of .*a.tfrecord cannot be used: {message}"):
        open_records(settings, tmp_path)


def test_labels_that_are_not_needed_may_be_anything(tmp_path, settings):
    write(tmp_path / "a.tfrecord", *[{"image": PNG, "label": b"cat"}] * 3)
    source = open_records(settings, tmp_path, num_classes=None)
    assert not source.has_labels and [e.label for e in source.examples()] == [0, 0, 0]


def test_raw_images_of_several_sizes_are_named(tmp_path, settings):
    sizes = (256, 256, 64)
    write(tmp_path / "a.tfrecord", *({"image_raw": bytes(n), "label": 1} for n in sizes))
    with pytest.raises(DataError, match="record 2 of .*: 'image_raw' has 64 bytes; it must have"):
        open_records(settings, tmp_path)


def test_an_empty_file_among_others(tmp_path, settings):
    write(tmp_path / "a.tfrecord")
    with pytest.raises(DataError, match="a.tfrecord has no records, nor has any other file"):
        open_records(settings, tmp_path)
    write(tmp_path / "b.tfrecord", {"image": PNG, "label": 1})
    assert open_records(settings, tmp_path).num_examples == 1


@pytest.mark.parametrize("text", ['{"labels": [["a.png", 0]]}', "not JSON", "[]", "caf\xe9"])
def test_a_dataset_json_of_other_software(tmp_path, settings, text):
    for name in "ab":
        (tmp_path / name).mkdir()
        write(tmp_path / name / "1.tfrecord", {"image": PNG, "label": 1})
        (tmp_path / name / "dataset.json").write_bytes(text.encode("latin-1"))
    assert open_records(settings, tmp_path / "a").num_examples == 1
    assert open_records(settings, f"{tmp_path}/*/*.tfrecord").num_examples == 2


def test_records_in_a_directory_with_names_that_are_not_utf8(tmp_path, settings):
    write(tmp_path / "a.tfrecord", {"image": PNG, "label": 1})
    with open(os.path.join(os.fsencode(tmp_path), b"caf\xe9.tfrecord"), "wb"):
        pass
    for pattern in (tmp_path, f"{tmp_path}/*.tfrecord"):
        with pytest.raises(DataError, match=r"b'.*caf\\xe9.tfrecord', which is not UTF-8"):
            open_records(settings, pattern)


def test_unusable_files(tmp_path, settings):
    with pytest.raises(DataError, match=f"no files match {tmp_path}/none"):
        open_records(settings, f"{tmp_path}/none*")
    with pytest.raises(DataError, match=r"has no files named \*\.tfrecord\*"):
        open_records(settings, tmp_path)
    (tmp_path / "a.tfrecord").write_bytes(b"not a record file, although it is long enough")
    with pytest.raises(DataError, match="a.tfrecord does not begin with a TFRecord"):
        open_records(settings, tmp_path)
    write(tmp_path / "a.tfrecord", {"text": b"hello", "label": 1})
    with pytest.raises(DataError, match="has the features label, text; the image must be one of"):
        open_records(settings, tmp_path)
    write(tmp_path / "a.tfrecord", {"image_raw": bytes(32 * 32), "label": 1})
    with pytest.raises(ConfigError, match="resolution=16 .*its images have 1024 bytes, not 256"):
        open_records(settings, tmp_path)
    write(tmp_path / "a.tfrecord", *[{"image": encode(numbered(1), "PNG")}] * 2)
    whole = (tmp_path / "a.tfrecord").read_bytes()
    (tmp_path / "a.tfrecord").write_bytes(whole[:-9])
    with pytest.raises(DataError, match="a.tfrecord is damaged"):
        open_records(settings, tmp_path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"resolution": 32}, "resolution=32 is not allowed; resolution must be 16, as tfrecord:"),
        ({"crop": "released"}, "crop='released' is not allowed; crop must be 'square', as"),
        ({"background": "black"}, "background='black' is not allowed"),
    ],
)
def test_prepared_otherwise_than_asked(prepared, settings, changes, message):
    with pytest.raises(ConfigError, match=message):
        open_records(settings, prepared, **changes)


def test_a_missing_shard(prepared, settings):
    (prepared / "images-00002-of-00006.tfrecord").unlink()
    with pytest.raises(DataError, match="images-00002-of-00006.tfrecord is missing"):
        open_records(settings, prepared)


def test_a_glob_that_leaves_shards_out(prepared, settings):
    with pytest.raises(DataError, match="images-00001-of-00006.tfrecord is missing; .* 6 shards"):
        open_records(settings, f"{prepared}/images-00000*")


def test_a_strange_shard(prepared, settings):
    shutil.copy(prepared / "images-00002-of-00006.tfrecord", prepared / "more.tfrecord")
    with pytest.raises(DataError, match="more.tfrecord is not in dataset.json"):
        open_records(settings, prepared)


def test_a_cut_shard(prepared, settings):
    path = prepared / "images-00002-of-00006.tfrecord"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(DataError, match="00002-of-00006.tfrecord has .* bytes; dataset.json says"):
        open_records(settings, prepared)


def test_changed_pixels_are_found_by_the_checksum(prepared, settings):
    path = prepared / "images-00002-of-00006.tfrecord"
    contents = bytearray(path.read_bytes())
    contents[len(contents) // 2] ^= 1
    path.write_bytes(contents)
    source = open_records(settings, prepared)
    with pytest.raises(DataError, match="images-00002-of-00006.tfrecord is damaged: its checksum"):
        source.known_histogram()


def test_an_edited_manifest(prepared, settings):
    path = prepared / "dataset.json"
    values = json.loads(path.read_text())
    for edit in ({"num_examples": 36}, {"checksum": "0"}, {"format": 2}):
        path.write_text(json.dumps({**values, **edit}))
        with pytest.raises(DataError, match="dataset.json does not agree with itself"):
            open_records(settings, prepared)
    for broken in ("{", "[]", "{}"):
        path.write_text(broken)
        with pytest.raises(DataError, match="dataset.json cannot be read"):
            open_records(settings, prepared)


def test_half_prepared_data_never_count(prepared, settings):
    (prepared / "dataset.json").unlink()
    with pytest.raises(DataError, match="is not prepared to its end; run prepare_data again"):
        open_records(settings, prepared)


def test_two_prepared_directories_do_not_mix(prepared, settings):
    shutil.copytree(prepared, prepared.parent / "prepared2")
    with pytest.raises(DataError, match="mixes prepared data of .*prepared and .*prepared2"):
        open_records(settings, f"{prepared.parent}/*/*.tfrecord")


def test_a_record_reads_back():
    pixels = np.asarray(numbered(5))[..., None]
    example = tf.train.Example.FromString(record_format.serialize(pixels, 3))
    features = example.features.feature
    assert features["image_raw"].bytes_list.value[0] == pixels.tobytes()
    numbers = {k: features[k].int64_list.value[0] for k in ("height", "width", "depth", "label")}
    assert numbers == {"height": 16, "width": 16, "depth": 1, "label": 3}
