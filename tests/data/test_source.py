"""The contract that every kind of source keeps."""

import inspect
import itertools

import pytest
import tensorflow as tf

from sagan_tf.data import arrays, pipeline, sources
from sagan_tf.data.source import RandomAccessSource, SequentialSource, Source
from tests.data.conftest import KINDS
from tests.data.pictures import CLASSES, COUNT, number_of

EVERY_KIND = pytest.mark.parametrize("opened", [*KINDS, "tfrecord", "tfds"], indirect=True)


@EVERY_KIND
def test_examples_and_attributes(opened):
    source, _ = opened()
    assert isinstance(source, Source) and source.has_labels
    assert source.class_names is None or len(source.class_names) == CLASSES
    loaded = [(example.label, example.load()) for example in source.examples()]
    assert len(loaded) == source.num_examples == COUNT
    assert sorted(number_of(image) for _, (image, _) in loaded) == list(range(COUNT))
    for label, (image, size) in loaded:
        assert number_of(image) % CLASSES == label
        assert len(size) == 2 and min(size) >= 16
    assert source.known_histogram() in (None, {0: 13, 1: 12, 2: 12})


@EVERY_KIND
def test_fingerprints_are_repeatable_and_of_one_data_set(opened, settings):
    source, config = opened()
    again, _ = opened()
    assert source.fingerprint() == again.fingerprint()
    assert source.fingerprint() != sources.open_source(settings(dataset="bundled")).fingerprint()


@EVERY_KIND
def test_random_access_or_sequential(opened):
    source, config = opened()
    if source.random_access:
        assert isinstance(source, RandomAccessSource)
        numbers = [number_of(example.load()[0]) for example in source.examples([5, 2, 5])]
        assert numbers[0] == numbers[2] != numbers[1]
        (batch,) = source.batches(tf.data.Dataset.from_tensors(tf.constant([5, 2], tf.int64)))
        assert [number_of(image) for image in batch[0]] == numbers[:2]
        assert batch[1].dtype == tf.int32
    else:
        assert isinstance(source, SequentialSource)
        with pytest.raises(ValueError, match="only its stored order"):
            next(source.examples([5, 2, 5]))
        records = source.records(None, 2, 1)
        assert len(list(records)) == source.shard_size(2, 1)
        images, labels = next(iter(source.image_batches(records, 3)))
        assert [number_of(image) % CLASSES for image in images] == labels.numpy().tolist()


@pytest.mark.parametrize("kind", [Source, RandomAccessSource, SequentialSource])
def test_a_source_without_its_methods_cannot_be_made(kind):
    assert inspect.isabstract(kind)
    with pytest.raises(TypeError, match="fingerprint"):
        type("Unfinished", (kind,), {})()


@pytest.mark.parametrize("opened", ["folder", "prepared"], indirect=True)
def test_a_source_in_memory_is_decoded_once(opened):
    source, config = opened(cache_in_memory=True)
    cached = arrays.in_memory(source, config)
    assert cached is arrays.in_memory(source, config) is arrays.in_memory(cached, config)
    assert not isinstance(source, arrays.ArraySource)
    batches = pipeline.training_batches(source, config).take(40)
    stream = itertools.chain(*(map(number_of, images) for images, _ in batches))
    assert sorted(itertools.islice(stream, COUNT)) == list(range(COUNT))
