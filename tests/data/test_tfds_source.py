"""TensorFlow Datasets, through its mocking and with a small real data set."""

import pytest
import tensorflow_datasets as tfds

from sagan_tf.data import pipeline, preflight, sources, tfds_source
from sagan_tf.errors import ConfigError, DataError
from tests.data.pictures import COUNT, encode, number_of, photo


@pytest.fixture
def mocked():
    with tfds.testing.mock_data(num_examples=12):
        yield


def test_mocked_cifar10(mocked, settings, tmp_path):
    config = settings(dataset="tfds:cifar10", num_classes=10)
    source = sources.open_source(config, str(tmp_path))
    assert (source.num_examples, len(source.class_names)) == (12, 10)
    images, labels = next(iter(pipeline.training_batches(source, config)))
    assert images.shape == (4, 16, 16, 3) and labels.numpy().max() < 10
    report = preflight.check(source, config, str(tmp_path / "check"))
    assert sum(report.histogram.values()) == report.num_checked == 12


def test_mocked_celeb_a_has_no_labels(mocked, settings, tmp_path):
    config = settings(dataset="tfds:celeb_a", num_classes=None)
    source = sources.open_source(config, str(tmp_path))
    assert (source.has_labels, source.class_names) == (False, None)
    images, labels = next(iter(pipeline.training_batches(source, config)))
    assert images.shape == (4, 16, 16, 3) and not labels.numpy().any()
    with pytest.raises(DataError, match="tfds:celeb_a has no classes, but num_classes=3"):
        pipeline.training_batches(source, settings(dataset="tfds:celeb_a"))


def test_mocked_jpegs_are_not_decoded_whole(mocked, settings, tmp_path):
    source = sources.open_source(settings(dataset="tfds:imagenet2012"), str(tmp_path))
    encoded, _ = next(source.records(None, 1, 0).map(source.parse).as_numpy_iterator())
    assert isinstance(encoded, bytes) and encoded[:2] in (b"\xff\xd8", b"\x89P")
    assert len(source.class_names) == 1000


def test_mocked_workers_read_different_records(mocked, settings, tmp_path):
    source = sources.open_source(settings(dataset="tfds:cifar10"), str(tmp_path))
    shares = [
        list(source.records(None, 2, w).map(source.parse).as_numpy_iterator()) for w in range(2)
    ]
    assert [len(share) for share in shares] == [6, 6]
    assert not {image for image, _ in shares[0]} & {image for image, _ in shares[1]}


def test_mocked_version(mocked, settings, tmp_path):
    source = sources.open_source(settings(dataset="tfds:cifar10:3.0.2"), str(tmp_path))
    assert "3.0.2" in source.fingerprint()


def test_more_workers_than_images(datasets, settings):
    config = settings(dataset="tfds:tiny_pictures")
    source = sources.open_source(config, str(datasets["root"] / "tfds"))
    assert [source.shard_size(64, worker) for worker in (0, 36, 37, 63)] == [1, 1, 0, 0]


def test_sub_splits(datasets, settings):
    config = settings(dataset="tfds:tiny_pictures", split="train[10:20]", channels=1)
    source = sources.open_source(config, str(datasets["root"] / "tfds"))
    assert source.num_examples == 10 and source.class_names == ("red", "green", "blue")
    loaded = [example.load()[0] for example in source.examples()]
    assert len(set(map(number_of, loaded))) == 10


def test_unknown_split(datasets, settings):
    config = settings(dataset="tfds:tiny_pictures", split="validation")
    with pytest.raises(ConfigError, match="split='validation' is not allowed; .* made of train"):
        sources.open_source(config, str(datasets["root"] / "tfds"))


def test_unknown_name(settings, tmp_path):
    with pytest.raises(DataError, match="tfds:no_such_thing cannot be opened"):
        sources.open_source(settings(dataset="tfds:no_such_thing"), str(tmp_path))


def test_manual_downloads_name_the_directory(settings, tmp_path):
    message = f"tfds:imagenet2012 is not prepared in {tmp_path}/imagenet2012.*{tmp_path}/downloads"
    with pytest.raises(DataError, match=message):
        sources.open_source(settings(dataset="tfds:imagenet2012"), str(tmp_path))


def test_data_without_images(mocked, settings, tmp_path):
    with pytest.raises(DataError, match="tfds:imdb_reviews has no image among label, text"):
        sources.open_source(settings(dataset="tfds:imdb_reviews"), str(tmp_path))


def test_the_package_is_optional(settings, monkeypatch):
    def missing():
        raise ImportError

    monkeypatch.setattr(tfds_source, "_load_package", missing)
    with pytest.raises(DataError, match="needs the package tensorflow-datasets"):
        sources.open_source(settings(dataset="tfds:cifar10"))


def test_a_damaged_record_is_named(datasets, settings, tmp_path, monkeypatch):
    config = settings(dataset="tfds:tiny_pictures", channels=1)
    source = sources.open_source(config, str(datasets["root"] / "tfds"))
    whole = source.records(None, 1, 0)
    damaged = whole.take(3).concatenate(
        whole.take(1).map(lambda record: {**record, "image": encode(photo(99, 99), "PNG")[:500]})
    )
    source.num_examples = 4
    monkeypatch.setattr(source, "records", lambda *_: damaged)
    with pytest.raises(DataError, match="1 images cannot be read: record 3 of tfds:tiny_pictures"):
        preflight.check(source, config, str(tmp_path))


def test_all_records_come_in_order_by_default(datasets, settings):
    config = settings(dataset="tfds:tiny_pictures", channels=1)
    source = sources.open_source(config, str(datasets["root"] / "tfds"))
    numbers = [number_of(example.load()[0]) for example in source.examples()]
    assert sorted(numbers) == list(range(COUNT))
    assert numbers == [number_of(example.load()[0]) for example in source.examples()]
    with pytest.raises(ValueError, match="only its stored order"):
        next(source.examples([1]))
