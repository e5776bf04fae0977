"""Runs images through a feature network, on all devices of a strategy."""

from __future__ import annotations

import functools
import itertools

import tensorflow as tf
import tqdm


class Extractor:
    """Runs image sets through one network. Each set's program is compiled once and kept.

    Args:
        network: a `FeatureNetwork`.
        batch_size: images of one replica at a time.
        strategy: `tf.distribute.Strategy`; None is the current one.
        progress: whether to show progress bars, if stderr is a terminal.
    """

    def __init__(self, network, batch_size=64, strategy=None, progress=False):
        self._network = network
        self._batch_size = batch_size
        self._strategy = strategy or tf.distribute.get_strategy()
        self._hide_bar = None if progress else True  # None: hidden unless on a terminal
        self._compiled = functools.lru_cache(maxsize=4)(self._compile)

    def fill(self, statistics, image_set):
        """Fills empty `FeatureStatistics` with the first images of a set, and returns them."""
        for part in self.extract(image_set, statistics.num_images, statistics.name):
            statistics.update(*part)
        return statistics

    def extract(self, image_set, num_images, name="images"):
        """Yields (features, logits or None, labels) of the next images, as NumPy arrays.

        Replica r takes batches r, r + replicas, ...; the order of the images does not depend on
        how many replicas there are.

        Args:
            image_set: `ImageSet`.
            num_images: how many; surplus rows of the last batch are dropped.
            name: of the images, for the progress bar.
        """
        left = num_images
        results = _one_behind(self._results(image_set, num_images))
        with tqdm.tqdm(total=num_images, desc=name, unit="image", disable=self._hide_bar) as bar:
            for features, logits, labels in results:
                count = min(len(labels), left)
                left -= count
                bar.update(count)
                if count:
                    logits = None if logits is None else logits.numpy()[:count]
                    yield features.numpy()[:count], logits, labels[:count]

    def _results(self, image_set, num_images):
        """Yields, for each step of all replicas, a list of one (features, logits, labels) each."""
        strategy, step = self._strategy, self._compiled(image_set)
        batches = image_set.batches(num_images, self._batch_size)
        for group in _groups(batches, strategy.num_replicas_in_sync):
            outputs = step(_distribute(group, strategy))
            per_replica = zip(*map(strategy.experimental_local_results, outputs))
            yield [(*output, batch[-1]) for output, batch in zip(per_replica, group)]

    def _compile(self, image_set):
        def replica_step(*arrays):
            return self._network(image_set.images(*arrays))

        return tf.function(lambda inputs: self._strategy.run(replica_step, args=(*inputs,)))


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
