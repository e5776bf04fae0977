"""The order of training batches: the same rules for every kind of source."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from sagan_tf.data import arrays, pipeline
from sagan_tf.errors import ConfigError, DataError
from tests.data.conftest import KINDS
from tests.data.pictures import CLASSES, COUNT, number_of

_MADE = {}


def batches(opened, count, start_step=0, workers=1, worker=0, **changes):
    """The first batches of a pipeline; those asked for again are not made again."""
    key = (opened.kind, count, start_step, workers, worker, tuple(sorted(changes.items())))
    if key not in _MADE:
        _MADE[key] = make_batches(opened, count, start_step, workers, worker, **changes)
    return _MADE[key]


def make_batches(opened, count, start_step=0, workers=1, worker=0, **changes):
    source, config = opened(**changes)
    dataset = pipeline.training_batches(source, config, start_step, workers, worker)
    return list(dataset.take(count).as_numpy_iterator())


def numbers(batch_list):
    return [[number_of(image) for image in images] for images, _ in batch_list]


ALL_KINDS = pytest.mark.parametrize("opened", [*KINDS, "tfds"], indirect=True)


@ALL_KINDS
def test_images_keep_their_labels_and_types(opened):
    source, config = opened()
    dataset = pipeline.training_batches(source, config)
    assert dataset.element_spec == (
        tf.TensorSpec((4, 16, 16, 1), tf.uint8),
        tf.TensorSpec((4,), tf.int32),
    )
    assert source.num_examples == COUNT
    for images, labels in dataset.take(10):
        assert [number_of(image) % CLASSES for image in images] == labels.numpy().tolist()


@ALL_KINDS
def test_every_epoch_is_a_new_permutation(opened):
    stream = list(itertools.chain(*numbers(batches(opened, 40))))
    epochs = [
        stream[start : start + COUNT] for start in range(0, 4 * COUNT, COUNT)
    ]  # 40 batches of 4 are a little more
    for epoch in epochs:
        assert sorted(epoch) == list(range(COUNT))
        assert epoch != sorted(epoch)
    assert len(set(map(tuple, epochs))) == len(epochs)


def test_the_seed_alone_decides_the_order(opened):
    first = numbers(batches(opened, 40))
    tf.random.set_seed(2)
    assert numbers(make_batches(opened, 40)) == first
    assert numbers(make_batches(opened, 40, seed=4)) != first


@ALL_KINDS
def test_resuming_continues_the_run(opened):
    check_resuming(opened, 30)


@pytest.mark.parametrize("opened", ["idx", "prepared"], indirect=True)
@pytest.mark.parametrize("start", [1, 9, COUNT])  # the last begins an epoch
def test_resuming_anywhere(opened, start):
    check_resuming(opened, start)


def check_resuming(opened, start):
    whole = batches(opened, 40, random_flip=True, shuffle_buffer=10)
    rest = batches(opened, 40 - start, start, random_flip=True, shuffle_buffer=10)
    for (images, labels), (resumed_images, resumed_labels) in zip(whole[start:], rest):
        np.testing.assert_array_equal(images, resumed_images)
        np.testing.assert_array_equal(labels, resumed_labels)


@pytest.mark.parametrize("opened", ["idx", "folder"], indirect=True)
def test_workers_cut_one_global_order_into_rows(opened):
    shares = [numbers(batches(opened, 40, 0, 2, worker)) for worker in range(2)]
    together = [list(itertools.chain(*parts)) for parts in zip(*shares)]
    assert together == numbers(batches(opened, 40))


@pytest.mark.parametrize(
    ("opened", "workers"),
    [("tfds", 2), ("prepared", 2), ("prepared", 4)],  # prepared: 6 files
    indirect=["opened"],
)
def test_workers_read_disjoint_parts_that_are_complete(opened, workers):
    shares = [numbers(batches(opened, 40, 0, workers, worker)) for worker in range(workers)]
    streams = [list(itertools.chain(*share)) for share in shares]
    source, _ = opened()
    sizes = [source.shard_size(workers, worker) for worker in range(workers)]
    assert sum(sizes) == COUNT
    for epoch in (0, 1):
        parts = [s[epoch * n : (epoch + 1) * n] for s, n in zip(streams, sizes)]
        assert sorted(itertools.chain(*parts)) == list(range(COUNT))


@pytest.mark.parametrize("opened", ["idx", "prepared"], indirect=True)
def test_half_of_the_images_are_mirrored(opened):
    plain = batches(opened, 40, shuffle_buffer=10)
    flipped = batches(opened, 40, random_flip=True, shuffle_buffer=10)
    mirrored = []
    for (before, _), (after, _) in zip(plain, flipped):
        for image, other in zip(before, after):
            mirrored.append(not np.array_equal(image, other))
            np.testing.assert_array_equal(image[:, ::-1] if mirrored[-1] else image, other)
    assert 0.35 < np.mean(mirrored) < 0.65


@pytest.mark.parametrize("opened", ["idx", "prepared"], indirect=True)
def test_unconditional_labels_are_zero(opened):
    labels = [labels for _, labels in batches(opened, 5, num_classes=None)]
    assert not np.any(labels)


@pytest.mark.parametrize("opened", ["idx", "prepared"], indirect=True)
def test_a_batch_holds_all_images_of_a_step(opened):
    ((images, _),) = batches(opened, 1, d_steps=3, workers=2, worker=1)
    assert len(images) == 6


@pytest.mark.parametrize("opened", ["folder"], indirect=True)
def test_a_cached_folder_comes_in_the_same_order(opened):
    cached = batches(opened, 40, cache_in_memory=True)
    for (images, _), (plain, _) in zip(cached, batches(opened, 40)):
        np.testing.assert_array_equal(images, plain)


@pytest.mark.parametrize("opened", ["folder"], indirect=True)
def test_a_cache_beyond_the_memory_is_refused(opened, monkeypatch):
    monkeypatch.setattr(arrays, "_machine_memory", lambda: 1000)
    with pytest.raises(ConfigError, match="cache_in_memory=True is not allowed.*GiB"):
        make_batches(opened, 1, cache_in_memory=True)


V1, V2 = "sys/fs/cgroup/memory", "sys/fs/cgroup"
LIMITS = {
    "container": ("0::/", f"{V2}/memory.max", "30000", True),
    "group above": ("0::/pod/app", f"{V2}/pod/memory.max", "30000", True),
    "no limit": ("0::/pod/app", f"{V2}/pod/app/memory.max", "max", False),
    "version 1": ("5:cpu,memory:/app", f"{V1}/app/memory.limit_in_bytes", "30000", True),
    "container, version 1": ("5:memory:/app", f"{V1}/memory.limit_in_bytes", "30000", True),
    "another group": ("5:cpu:/app", f"{V1}/app/memory.limit_in_bytes", "30000", False),
}


@pytest.mark.parametrize("name", LIMITS)
def test_the_memory_limit_of_a_container_counts(tmp_path, monkeypatch, name):
    group, path, limit, counts = LIMITS[name]
    for file, text in (("proc/self/cgroup", group), (path, limit)):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text(text + "\n")
    monkeypatch.setattr(arrays, "_SYSTEM", tmp_path)
    assert (arrays._machine_memory() == 30_000) == counts


@pytest.mark.parametrize("opened", ["idx"], indirect=True)
def test_workers_that_cannot_share_a_batch(opened):
    with pytest.raises(ConfigError, match="global_batch_size=4.*multiple of the number of workers"):
        batches(opened, 1, workers=3)


@pytest.mark.parametrize("opened", ["prepared"], indirect=True)
def test_more_workers_than_images(opened):
    with pytest.raises(DataError, match="fewer images than there are workers"):
        batches(opened, 1, workers=64, worker=63, global_batch_size=64)


@pytest.mark.parametrize("count", [1, 2, 3, 1000])
def test_shuffled_indices_are_permutations(count):
    positions = tf.range(3 * count, dtype=tf.int64)
    indices = pipeline.shuffled_indices(positions, count, tf.constant([1, 2])).numpy()
    for epoch in indices.reshape(3, count):
        assert sorted(epoch) == list(range(count))


def test_epochs_are_independent_of_each_other():
    """Four rounds of the cipher, TensorFlow's choice, correlate these epochs by 0.9."""
    count = 60_000
    positions = tf.range(4 * count, dtype=tf.int64)
    epochs = pipeline.shuffled_indices(positions, count, tf.constant([1, 2])).numpy()
    rows = np.vstack([epochs.reshape(4, count), np.arange(count)])
    correlations = np.corrcoef(rows) - np.eye(5)
    assert np.abs(correlations).max() < 5 / np.sqrt(count)


@ALL_KINDS
def test_no_autotuner_outlives_the_iterator(opened):
    """Its thread can hold the end of a run, and Ctrl-C, for up to a minute."""
    source, config = opened()
    assert pipeline.training_batches(source, config).options().autotune.enabled is False
