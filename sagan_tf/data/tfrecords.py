"""TFRecord files, from `prepare_data` or from other software."""

from __future__ import annotations

import hashlib
import os
import re

import tensorflow as tf

from sagan_tf.data import listing
from sagan_tf.data.manifest import PLAN_NAME, Manifest
from sagan_tf.data.record_format import LABEL, RAW_IMAGE, RecordFormat
from sagan_tf.data.source import SequentialSource
from sagan_tf.errors import ConfigError, DataError

_PARALLEL_FILES = 16


class RecordSource(SequentialSource):
    """Images in TFRecord files.

    If their directory has a `dataset.json`, the files are checked against it. Otherwise the first
    record gives the names of the features, and all files are read once to count the records.

    Args:
        pattern: a file, a directory or a glob; local or in a bucket. An existing path is taken
            literally.
        config: ExperimentConfig.

    Raises:
        DataError: there are no files, they are damaged, or they hold no images.
        ConfigError: the images have another resolution, number of channels, crop or background.
    """

    def __init__(self, pattern, config):
        self.config = config
        self.paths = _find(pattern)
        self._root = pattern if tf.io.gfile.isdir(pattern) else _directory_of(pattern)
        self.directory = os.path.dirname(self.paths[0])
        self.manifest = Manifest.read(self.directory)
        if self.manifest:
            self._open_prepared()
        else:
            self._open_foreign()
        self.num_examples = sum(self._counts)

    def _open_prepared(self):
        self.manifest.check_config(self.config)
        self.manifest.check_files(self.directory, self.paths)
        counts = {shard.file: shard.num_examples for shard in self.manifest.shards}
        self._counts = [counts[os.path.basename(path)] for path in self.paths]
        size = self.config.resolution**2 * self.config.channels
        self._format = RecordFormat(RAW_IMAGE, LABEL, size)
        self.class_names, self.has_labels = self.manifest.class_names, self.manifest.has_labels

    def _open_foreign(self):
        if tf.io.gfile.exists(os.path.join(self.directory, PLAN_NAME)):
            raise DataError(f"{self.directory} is not prepared to its end; run prepare_data again")
        self._format, path, features = RecordFormat.find(self.paths, self.config)
        self.class_names, self.has_labels = None, self._format.label_key is not None
        if self._format.is_raw:
            self._check_raw_size(path, features[RAW_IMAGE].bytes_list.value)
        self._counts = [self._format.count(path) for path in self.paths]

    def _check_raw_size(self, path, images):
        """Raises ConfigError if the first record has an image of another size."""
        wanted = self._format.raw_size
        if images and len(images[0]) != wanted:
            side, channels = self.config.resolution, self.config.channels
            raise ConfigError(
                "resolution",
                side,
                f"that of {path}: its images have {len(images[0])} bytes, not {wanted} "
                f"({side} x {side} x {channels} channels)",
            )

    def fingerprint(self):
        """Returns a text that changes with the contents (prepared files) or sizes (other files)."""
        if self.manifest:
            return self.manifest.checksum
        return _fingerprint(self.paths, self.paths)

    def is_same_data(self, dataset, fingerprint):
        """Returns True if `dataset` had the same contents or files; see `Source`."""
        if self.manifest:
            return fingerprint == self.fingerprint()
        kind, _, pattern = dataset.partition(":")
        names = [os.path.relpath(path, self._root) for path in self.paths]
        there = [
            [os.path.join(root, name) for name in names]
            for root in (pattern, _directory_of(pattern))
        ]
        fingerprints = [self.fingerprint(), *(_fingerprint(paths, self.paths) for paths in there)]
        return kind == "tfrecord" and fingerprint in fingerprints

    def known_histogram(self):
        """Verifies the checksums of prepared files; returns {label: images}, None for others."""
        if not self.manifest:
            return None
        self.manifest.check_contents(self.directory)
        return self.manifest.histogram

    def records(self, seed, num_shards, shard):
        """Returns one pass over a worker's records; see `SequentialSource`.

        A worker reads whole files if the number of workers divides the number of files.
        """
        by_file = self._shares_files(num_shards)
        paths = tf.constant(self.paths[shard::num_shards] if by_file else self.paths)
        if seed is not None:
            paths = tf.random.experimental.stateless_shuffle(paths, seed)
        records = tf.data.Dataset.from_tensor_slices(paths).interleave(
            tf.data.TFRecordDataset,
            cycle_length=min(_PARALLEL_FILES, len(self.paths)),
            num_parallel_calls=tf.data.AUTOTUNE,
            deterministic=True,
        )
        if not by_file:
            records = records.shard(num_shards, shard)
        return records

    def image_batches(self, records, batch_size):
        """Returns batches of images and labels; raw pixels are parsed a batch at a time."""
        if not self._format.is_raw:
            return super().image_batches(records, batch_size)

        def decode(batch):
            encoded, labels = self.parse(batch)
            return self._pixels(encoded), labels

        batches = records.batch(batch_size, drop_remainder=True)
        return batches.map(decode, num_parallel_calls=tf.data.AUTOTUNE)

    def shard_size(self, num_shards, shard):
        """Returns the number of a worker's records; see `SequentialSource`."""
        if self._shares_files(num_shards):
            return sum(self._counts[shard::num_shards])
        return -(-(self.num_examples - shard) // num_shards)

    def decode(self, encoded):
        """Returns the image and its size; raw pixels are only reshaped."""
        if not self._format.is_raw:
            return super().decode(encoded)
        return self._pixels(encoded), tf.fill((2,), self.config.resolution)

    def _pixels(self, raw):
        """Images uint8 (..., resolution, resolution, channels) of a string tensor (...)."""
        side, channels = self.config.resolution, self.config.channels
        pixels = tf.io.decode_raw(raw, tf.uint8)
        return tf.reshape(pixels, [*raw.shape, side, side, channels])

    def _shares_files(self, num_shards):
        # Uneven shares of files would show some images more often than others.
        return len(self.paths) % num_shards == 0

    def parse(self, record):
        """Returns the image and the label of a record, or of each record of a batch (n,)."""
        return self._format.parse(record)


def _fingerprint(names, paths):
    """Returns a hash of the names of files, and of their sizes at these paths."""
    lines = [f"{name}\0{tf.io.gfile.stat(path).length}" for name, path in zip(names, paths)]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _find(pattern):
    if tf.io.gfile.isdir(pattern):
        names = [name for name in listing.list_names(pattern) if ".tfrecord" in name]
        paths = [os.path.join(pattern, name) for name in names]
        if not paths:
            raise DataError(f"{pattern} has no files named *.tfrecord*")
    else:
        paths = [pattern] if tf.io.gfile.exists(pattern) else _glob(pattern)
    if not paths:
        raise DataError(f"no files match {pattern}")
    directories = sorted({os.path.dirname(path) for path in paths})
    if len(directories) > 1 and any(Manifest.read(directory) for directory in directories):
        raise DataError(f"{pattern} mixes prepared data of {directories[0]} and {directories[1]}")
    return paths


def _directory_of(pattern):
    """Returns the directory of a file or a glob, without wildcards."""
    return os.path.dirname(re.split(r"[*?\[\\]", pattern)[0])


def _glob(pattern):
    try:
        return sorted(tf.io.gfile.glob(pattern))
    except UnicodeDecodeError as error:
        raise DataError(
            f"{pattern} matches the name {error.object!r}, which is not UTF-8; rename it"
        ) from error
