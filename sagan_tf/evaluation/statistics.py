"""What is remembered of the features of one set of images, and its cache on disk."""

from __future__ import annotations

import io
import json
import os
import zipfile

import numpy as np
import tensorflow as tf

from sagan_tf import files, hashing
from sagan_tf.errors import EvaluationError
from sagan_tf.evaluation.moments import Moments

_FORMAT = 1
_HALVES = ("even", "odd")
_KEPT = ("features", "logits", "labels")


class FeatureStatistics:
    """Moments of all features, and the features themselves of as many images as asked for.

    The moments are of two halves, every second image, so that real images can be scored against
    real images.

    Args:
        num_images: how many images there will be.
        kept: which of "features", "logits" and "labels" to keep.
        keep: of how many images to keep them, chosen at random (with a fixed seed); None is all.
        name: what to call the images in errors.
    """

    def __init__(self, num_images, kept=(), keep=None, name="images"):
        self.name = name
        self.num_images = num_images
        self.halves = None
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
        arrays = {"features": features, "logits": logits, "labels": labels}
        for what, rows in self._kept.items():
            if arrays[what] is not None:
                rows.append(arrays[what][chosen])

    @property
    def moments(self):
        """`Moments` of all images."""
        return Moments(self.halves[0].dimension, self.halves[0].name).merge(*self.halves)

    def kept(self, name):
        """The kept "features", "logits" or "labels", one array; None if there were none."""
        if self._kept[name]:
            self._kept[name] = [np.concatenate(self._kept[name])]
            return self._kept[name][0]
        return None

    def save(self, path, key):
        """Writes everything to a file that `load` reads with an equal `key` only."""
        arrays = {"key": np.array(json.dumps(key, sort_keys=True))}
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
        """What `save` wrote.

        Raises:
            EvaluationError: the file is damaged, or was made from something else than `key` says.
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
        statistics.num_images = sum(half.count for half in statistics.halves)
        statistics._kept = {k: [arrays[k]] for k in _KEPT if k in arrays}
        return statistics


def cached(key, compute, directory):
    """Statistics from the cache, or computed and put there.

    Args:
        key: dict of JSON values: all that the statistics depend on.
        compute: makes the `FeatureStatistics`.
        directory: of the cache; None computes without it.

    Raises:
        EvaluationError: the cached file does not match.
    """
    if directory is None:
        return compute()
    key = {**key, "format": _FORMAT}
    path = os.path.join(directory, f"statistics-{hashing.settings_sha256(key)[:16]}.npz")
    if tf.io.gfile.exists(path):
        return FeatureStatistics.load(path, key)
    statistics = compute()
    tf.io.gfile.makedirs(directory)
    statistics.save(path, key)
    return statistics
