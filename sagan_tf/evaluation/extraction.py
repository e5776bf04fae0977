"""Runs images through a feature network, on all devices of a strategy."""

from __future__ import annotations

import itertools

import tensorflow as tf
import tqdm


def gather(statistics, image_set, network, **kwargs):
    """Fills `FeatureStatistics` with the first images of a set, and returns them.

    Args:
        statistics: empty `FeatureStatistics`.
        image_set: see `extract`.
        network: a `FeatureNetwork`.
        **kwargs: those of `extract`.
    """
    count, name = statistics.num_images, statistics.name
    for features, logits, labels in extract(image_set, network, count, name=name, **kwargs):
        statistics.update(features, logits, labels)
    return statistics


def extract(
    image_set, network, num_images, batch_size=64, strategy=None, name="images", progress=False
):
    """Yields (features, logits or None, labels) of the next images, as NumPy arrays.

    Replica r takes batches r, r + replicas, ...; the order of the images does not depend on
    how many replicas there are.

    Args:
        image_set: has `batches(num_images, batch_size)`, which yields tuples of arrays, the
            labels last, and `images(*tuple)`, which makes uint8 images of them on the device.
        network: a `FeatureNetwork`.
        num_images: how many; surplus rows of the last batch are dropped.
        batch_size: images of one replica at a time.
        strategy: `tf.distribute.Strategy`; None is the current one.
        name: of the images, for the progress bar.
        progress: whether to show one, if stderr is a terminal.
    """
    strategy = strategy or tf.distribute.get_strategy()

    @tf.function
    def step(inputs):
        return strategy.run(lambda *arrays: network(image_set.images(*arrays)), args=(*inputs,))

    def results():
        batches = image_set.batches(num_images, batch_size)
        for group in _groups(batches, strategy.num_replicas_in_sync):
            outputs = step(_distribute(group, strategy))
            per_replica = zip(*map(strategy.experimental_local_results, outputs))
            yield [(*output, batch[-1]) for output, batch in zip(per_replica, group)]

    left = num_images
    hidden = None if progress else True  # None: on a terminal only
    with tqdm.tqdm(total=num_images, desc=name, unit="image", disable=hidden) as bar:
        for features, logits, labels in _one_behind(results()):
            count = min(len(labels), left)
            left -= count
            bar.update(count)
            if count:
                logits = None if logits is None else logits.numpy()[:count]
                yield features.numpy()[:count], logits, labels[:count]


def _groups(batches, size):
    """Yields lists of `size` batches; the last is filled up with copies of its first."""
    batches = iter(batches)
    while group := list(itertools.islice(batches, size)):
        yield group + group[:1] * (size - len(group))


def _distribute(group, strategy):
    """A tuple of values, each with one batch a replica."""
    return tuple(
        strategy.experimental_distribute_values_from_function(
            lambda context, i=i: tf.convert_to_tensor(group[context.replica_id_in_sync_group][i])
        )
        for i in range(len(group[0]))
    )


def _one_behind(groups):
    """Yields the members of each group once the next is under way: devices need not wait."""
    waiting = []
    for group in groups:
        yield from waiting
        waiting = group
    yield from waiting
