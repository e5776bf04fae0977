"""The format of one record: the names of its features, writing, parsing, and checking."""

from __future__ import annotations

import dataclasses

import tensorflow as tf
from google.protobuf import message

from sagan_tf.data import loading
from sagan_tf.errors import DataError, first_line

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
_RECORDS_CHECKED_AT_ONCE = 64


@dataclasses.dataclass(frozen=True)
class RecordFormat:
    """Names of the features of a record, and the size of its image.

    Args:
        image_key: name of the image feature.
        label_key: name of the label feature; None gives every record the label 0.
        raw_size: bytes of an image of raw pixels.
        num_classes: labels must be below it; None accepts any.
    """

    image_key: str
    label_key: str | None
    raw_size: int
    num_classes: int | None = None

    @classmethod
    def find(cls, paths, config):
        """Finds the format in the first record of some files.

        Args:
            paths: list of str, TFRecord files.
            config: ExperimentConfig.

        Returns:
            The format, the path of the record, and its {name: feature}.

        Raises:
            DataError: there is no record, or no image in it.
        """
        path, features = _first_features(paths)
        image_key = next((key for key in _IMAGE_KEYS if key in features), None)
        if image_key is None:
            raise DataError(
                f"{path} has the features {', '.join(sorted(features))}; "
                f"the image must be one of {', '.join(_IMAGE_KEYS)}"
            )
        label_key = next((key for key in _LABEL_KEYS if key in features), None)
        if label_key and config.num_classes is None:  # labels are not needed: keep good ones only
            is_integer = features[label_key].WhichOneof("kind") == "int64_list"
            label_key = label_key if is_integer else None
        raw_size = config.resolution**2 * config.channels
        return cls(image_key, label_key, raw_size, config.num_classes), path, features

    @property
    def is_raw(self):
        """True if images are raw pixels, False if they are encoded."""
        return self.image_key == RAW_IMAGE

    def parse(self, record):
        """Returns the image and the label of a record, or of each record of a batch (n,)."""
        features = {self.image_key: tf.io.FixedLenFeature((), tf.string)}
        if self.label_key:
            features[self.label_key] = tf.io.FixedLenFeature((), tf.int64)
        parsed = tf.io.parse_example(record, features)
        images = parsed[self.image_key]
        labels = parsed[self.label_key] if self.label_key else tf.zeros_like(images, tf.int64)
        return images, labels

    def count(self, path):
        """Reads a file and returns its number of records, which must all have this format.

        Training parses whole batches, so it cannot name a record.

        Raises:
            DataError: the file is damaged, or a record has another format.
        """

        def add(total, records):
            images, labels = self.parse(records)
            if self.is_raw:
                tf.debugging.assert_equal(tf.strings.length(images), self.raw_size)
            if self.num_classes is not None:
                tf.debugging.Assert(tf.reduce_all(self._is_label(labels)), [labels])
            return total + tf.size(labels, tf.int64)

        batches = tf.data.TFRecordDataset(path).batch(_RECORDS_CHECKED_AT_ONCE)
        try:
            return int(batches.reduce(tf.constant(0, tf.int64), add))
        except tf.errors.DataLossError as error:
            raise DataError(f"{path} is damaged: {error.message}") from error
        except loading.READ_ERRORS as error:
            raise DataError(self._describe_bad_record(path, error)) from error

    def _is_label(self, label):
        return (label >= 0) & (label < self.num_classes)

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
        problem = _feature_problem(features, self.image_key, "bytes_list")
        if self.label_key and not problem:
            problem = _feature_problem(features, self.label_key, "int64_list")
        if self.label_key and self.num_classes and not problem:
            label = features[self.label_key].int64_list.value[0]
            if not self._is_label(label):
                problem = f"{self.label_key!r} is {label}; with num_classes={self.num_classes} "
                problem += f"it must be in [0, {self.num_classes})"
        if self.is_raw and not problem:
            size = len(features[RAW_IMAGE].bytes_list.value[0])
            if size != self.raw_size:
                problem = f"{RAW_IMAGE!r} has {size} bytes; it must have {self.raw_size}"
        return problem


def _feature_problem(features, key, wanted):
    """Returns the reason why a feature is not one value of the type `wanted`, or None."""
    kind = features[key].WhichOneof("kind") if key in features else None
    if kind is None:
        return f"it has no {key!r}"
    if kind != wanted:
        return f"{key!r} is {_KINDS[kind]}; it must be {_KINDS[wanted]}"
    count = len(getattr(features[key], kind).value)
    return None if count == 1 else f"{key!r} has {count} values; it must have one"


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
