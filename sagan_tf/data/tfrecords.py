"""TFRecord files, from `prepare_data` or from other software."""

from __future__ import annotations

import hashlib
import os
import re

import tensorflow as tf
from google.protobuf import message

from sagan_tf.data import listing, loading
from sagan_tf.data.manifest import PLAN_NAME, Manifest
from sagan_tf.data.source import SequentialSource
from sagan_tf.errors import ConfigError, DataError, first_line

# `image_raw` holds uint8 pixels at the training resolution, the format of the released SAGAN code
# and of openai/improved-gan. The others hold encoded images, under the names of TFDS and TF-Slim.
RAW_IMAGE, LABEL = "image_raw", "label"
_IMAGE_KEYS = (RAW_IMAGE, "image", "image/encoded", "encoded")
_LABEL_KEYS = (LABEL, "image/class/label", "class")
_KINDS = {
    "bytes_list": "bytes (text or an image)",
    "float_list": "a floating-point number",
    "int64_list": "an integer",
}
_PARALLEL_FILES = 16
_RECORDS_CHECKED_AT_ONCE = 64


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
        self._image_key, self._label_key = RAW_IMAGE, LABEL
        self.class_names, self.has_labels = self.manifest.class_names, self.manifest.has_labels

    def _open_foreign(self):
        if tf.io.gfile.exists(os.path.join(self.directory, PLAN_NAME)):
            raise DataError(f"{self.directory} is not prepared to its end; run prepare_data again")
        path, features = _first_features(self.paths)
        self._image_key, self._label_key = _feature_names(path, features)
        if self.config.num_classes is None and not _is_integer(features.get(self._label_key or "")):
            self._label_key = None  # an unconditional run does not need it
        self.class_names, self.has_labels = None, self._label_key is not None
        if self._image_key == RAW_IMAGE:
            self._check_raw_size(path, features)
        self._counts = [self._count(path) for path in self.paths]

    def _check_raw_size(self, path, features):
        """Raises ConfigError if the first record has images of another size."""
        sizes = [len(pixels) for pixels in features[RAW_IMAGE].bytes_list.value]
        if sizes and sizes[0] != self._raw_size():
            side, channels = self.config.resolution, self.config.channels
            raise ConfigError(
                "resolution",
                side,
                f"that of {path}: its images have {sizes[0]} bytes, not {self._raw_size()} "
                f"({side} x {side} x {channels} channels)",
            )

    def _raw_size(self):
        return self.config.resolution**2 * self.config.channels

    def _count(self, path):
        """Reads a file and returns its number of records, which must all be usable.

        Training parses whole batches and so could not name a record.
        """

        def count(total, records):
            encoded, labels = self.parse(records)
            if self._image_key == RAW_IMAGE:
                tf.debugging.assert_equal(tf.strings.length(encoded), self._raw_size())
            return total + tf.size(labels, tf.int64)

        batches = tf.data.TFRecordDataset(path).batch(_RECORDS_CHECKED_AT_ONCE)
        try:
            return int(batches.reduce(tf.constant(0, tf.int64), count))
        except tf.errors.DataLossError as error:
            raise DataError(f"{path} is damaged: {error.message}") from error
        except loading.READ_ERRORS as error:
            raise DataError(self._describe_bad_record(path, error)) from error

    def _describe_bad_record(self, path, error):
        """Names the first record that cannot be used, and the reason."""
        for index, record in enumerate(tf.data.TFRecordDataset(path).as_numpy_iterator()):
            problem = self._problem(record)
            if problem:
                return f"record {index} of {path} cannot be used: {problem}"
        return f"{path} cannot be read: {first_line(error)}"

    def _problem(self, record):
        """Returns the reason why a record cannot be used, or None."""
        try:
            features = tf.train.Example.FromString(record).features.feature
        except message.DecodeError:
            return "it is not a tf.train.Example"
        for key, wanted in ((self._image_key, "bytes_list"), (self._label_key, "int64_list")):
            if key is None:
                continue
            kind = features[key].WhichOneof("kind") if key in features else None
            if kind is None:
                return f"it has no {key!r}"
            if kind != wanted:
                return f"{key!r} is {_KINDS[kind]}; it must be {_KINDS[wanted]}"
            count = len(getattr(features[key], kind).value)
            if count != 1:
                return f"{key!r} has {count} values; it must have one"
        if self._image_key == RAW_IMAGE:
            size = len(features[RAW_IMAGE].bytes_list.value[0])
            if size != self._raw_size():
                return f"{RAW_IMAGE!r} has {size} bytes; it must have {self._raw_size()}"
        return None

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
        if self._image_key != RAW_IMAGE:
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
        if self._image_key != RAW_IMAGE:
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
        features = {self._image_key: tf.io.FixedLenFeature((), tf.string)}
        if self._label_key:
            features[self._label_key] = tf.io.FixedLenFeature((), tf.int64)
        parsed = tf.io.parse_example(record, features)
        encoded = parsed[self._image_key]
        labels = parsed[self._label_key] if self._label_key else tf.zeros_like(encoded, tf.int64)
        return encoded, labels


def _fingerprint(names, paths):
    """Returns a hash of the names of files, and of their sizes at these paths."""
    lines = [f"{name}\0{tf.io.gfile.stat(path).length}" for name, path in zip(names, paths)]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def serialize(image, label):
    """Serializes one prepared image as a record, bytes.

    Args:
        image: uint8 (height, width, channels), NumPy.
        label: int.
    """
    height, width, depth = image.shape
    numbers = {"height": height, "width": width, "depth": depth, LABEL: label}
    features = {
        key: tf.train.Feature(int64_list=tf.train.Int64List(value=[value]))
        for key, value in numbers.items()
    }
    pixels = tf.train.BytesList(value=[image.tobytes()])
    features[RAW_IMAGE] = tf.train.Feature(bytes_list=pixels)
    example = tf.train.Example(features=tf.train.Features(feature=features))
    return example.SerializeToString(deterministic=True)  # the same checksum in every process


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


def _is_integer(feature):
    return feature is not None and feature.WhichOneof("kind") == "int64_list"


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


def _first_features(paths):
    """Returns the path of the first file that is not empty, and {name: feature} of a record."""
    for path in paths:
        try:
            for record in tf.data.TFRecordDataset(path).take(1).as_numpy_iterator():
                return path, tf.train.Example.FromString(record).features.feature
        except (tf.errors.OpError, message.DecodeError) as error:
            raise DataError(
                f"{path} does not begin with a TFRecord of a tf.train.Example"
            ) from error
    raise DataError(f"{paths[0]} has no records, nor has any other file")


def _feature_names(path, features):
    """Returns the names of the image feature and of the label feature (None without labels)."""
    image_key = next((key for key in _IMAGE_KEYS if key in features), None)
    if image_key is None:
        raise DataError(
            f"{path} has the features {', '.join(sorted(features))}; "
            f"the image must be one of {', '.join(_IMAGE_KEYS)}"
        )
    return image_key, next((key for key in _LABEL_KEYS if key in features), None)
