"""Feature statistics of image sets: their extraction on all devices, and their cache on disk."""

from __future__ import annotations

import collections
import functools
import io
import itertools
import json
import os
import zipfile

import numpy as np
import tensorflow as tf
import tqdm

from sagan_tf import files, hashing
from sagan_tf.errors import EvaluationError
from sagan_tf.evaluation.moments import Moments

_FORMAT = 2
_HALVES = ("even", "odd")
_KEPT = ("features", "logits", "labels", "all_features", "all_labels")


class FeatureStatistics:
    """Moments of the features of an image set, and arrays of some of its single images.

    Two halves have moments of their own: images 0, 2, ... and images 1, 3, ... So one half of the
    real images can be scored against the other.

    Args:
        num_images: number of images that `update` will add in all.
        kept: arrays of single images to keep, of "features", "logits" and "labels". With a prefix
            ("all_features", "all_labels") those of all images are kept; `keep` has no effect.
        keep: number of images whose arrays are kept, chosen at random with a fixed seed; None
            keeps all.
        name: of the images in error messages.

    Attributes:
        label_counts: {label: number of images}.
    """

    def __init__(self, num_images, kept=(), keep=None, name="images"):
        self.name = name
        self.num_images = num_images
        self.halves = None
        self.label_counts = collections.Counter()
        self._kept = {what: [] for what in kept}
        self._seen = 0
        self._is_kept = np.zeros(num_images, bool)
        self._is_kept[np.random.RandomState(0).permutation(num_images)[:keep]] = True

    def update(self, features, logits, labels):
        """Adds the next images: features (n, d), logits (n, classes) or None, labels (n,)."""
        if self.halves is None:
            self.halves = [Moments(features.shape[1], f"features of {self.name}") for _ in _HALVES]
        for parity, half in enumerate(self.halves):
            rows = features[(self._seen + parity) % 2 :: 2]
            if len(rows):
                half.update(rows)
        chosen = self._is_kept[self._seen : self._seen + len(features)]
        self._seen += len(features)
        self.label_counts.update(np.asarray(labels).tolist())
        arrays = {"features": features, "logits": logits, "labels": labels}
        for what, rows in self._kept.items():
            array = arrays[what.removeprefix("all_")]
            if array is not None:
                rows.append(array if what.startswith("all_") else array[chosen])

    @property
    def moments(self):
        """The `Moments` of all images."""
        return Moments(self.halves[0].dimension, self.halves[0].name).merge(*self.halves)

    def kept(self, name):
        """Returns the kept array of this name, such as "features", or None without any rows."""
        if self._kept[name]:
            self._kept[name] = [np.concatenate(self._kept[name])]
            return self._kept[name][0]
        return None

    def save(self, path, key):
        """Writes a file that `load` reads; `load` refuses any other `key`."""
        arrays = {"key": np.array(json.dumps(key, sort_keys=True))}
        arrays["label_counts"] = np.array(sorted(self.label_counts.items()), np.int64)
        for half, name in zip(self.halves, _HALVES):
            arrays.update({f"{name}_{k}": array for k, array in half.arrays().items()})
        for name in self._kept:
            if self.kept(name) is not None:
                arrays[name] = self.kept(name)
        buffer = io.BytesIO()
        np.savez(buffer, **arrays)
        files.write_whole(path, buffer.getvalue())

    @classmethod
    def load(cls, path, key, name="images"):
        """Reads a file that `save` wrote.

        Raises:
            EvaluationError: the file is damaged or has another key.
        """
        with tf.io.gfile.GFile(path, "rb") as file:
            content = file.read()
        try:
            with np.load(io.BytesIO(content)) as arrays:
                arrays = dict(arrays)
            found = json.loads(str(arrays["key"]))
        except (ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            raise EvaluationError(
                f"{path} is not a whole cache of statistics; delete it"
            ) from error
        if found != key:
            names = sorted(k for k in {*found, *key} if found.get(k) != key.get(k))
            raise EvaluationError(
                f"{path} is a cache of other statistics: {', '.join(names)} differ; delete it"
            )
        statistics = cls(0, name=name)
        statistics.halves = [
            Moments.from_arrays(
                {k: arrays[f"{half}_{k}"] for k in ("count", "mean", "scatter")},
                f"features of {name}",
            )
            for half in _HALVES
        ]
        statistics.label_counts.update(dict(arrays["label_counts"].tolist()))
        statistics.num_images = sum(half.count for half in statistics.halves)
        statistics._kept = {k: [arrays[k]] for k in _KEPT if k in arrays}
        return statistics


def cached(key, compute, directory):
    """Returns `FeatureStatistics` from the cache, or computes them and adds them to it.

    Args:
        key: dict of JSON values: all that the statistics depend on.
        compute: function without arguments that returns the `FeatureStatistics`.
        directory: of the cache; None computes without a cache.

    Raises:
        EvaluationError: the cached file is damaged or has another key.
        ConfigError: the directory cannot be written.
    """
    if directory is None:
        return compute()
    key = {**key, "format": _FORMAT}
    path = os.path.join(directory, f"statistics-{hashing.settings_sha256(key)[:16]}.npz")
    if tf.io.gfile.exists(path):
        return FeatureStatistics.load(path, key)
    files.check_writable("cache_dir", directory)
    statistics = compute()
    tf.io.gfile.makedirs(directory)
    statistics.save(path, key)
    return statistics


class Extractor:
    """Runs image sets through a feature network, on all devices of a strategy.

    `tf.function` compiles one program for each image set and keeps it.

    Args:
        network: `FeatureNetwork`.
        batch_size: number of images in a batch of one replica.
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
        """Adds the first images of a set to empty `FeatureStatistics`, and returns these."""
        for part in self.extract(image_set, statistics.num_images, statistics.name):
            statistics.update(*part)
        return statistics

    def extract(self, image_set, num_images, name="images"):
        """Yields (features, logits or None, labels) of some images at a time, as NumPy arrays.

        Replica r computes batches r, r + replicas, ... The order of the images does not depend on
        the number of replicas.

        Args:
            image_set: `ImageSet`.
            num_images: how many images; surplus rows of the last batch are dropped.
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
    """Yields lists of `size` batches; copies of its first batch fill up the last list."""
    batches = iter(batches)
    while group := list(itertools.islice(batches, size)):
        yield group + group[:1] * (size - len(group))


def _distribute(group, strategy):
    """Returns a tuple of distributed values; replica r has the arrays of batch r."""
    return tuple(
        strategy.experimental_distribute_values_from_function(
            lambda context, i=i: tf.convert_to_tensor(group[context.replica_id_in_sync_group][i])
        )
        for i in range(len(group[0]))
    )


def _one_behind(groups):
    """Yields the members of a group after the next one has started, so devices do not wait."""
    waiting = []
    for group in groups:
        yield from waiting
        waiting = group
    yield from waiting
