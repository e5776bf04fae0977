"""Manifest of prepared TFRecords: the file `dataset.json`."""

from __future__ import annotations

import dataclasses
import json
import os

import tensorflow as tf

from sagan_tf import files, hashing
from sagan_tf.errors import ConfigError, DataError

FILE_NAME = "dataset.json"
PLAN_NAME = "preparation.json"  # written at the start of a preparation
_FORMAT = 1
_PREPROCESSING = ("resolution", "channels", "crop", "background")


@dataclasses.dataclass(frozen=True)
class Shard:
    """One TFRecord file.

    Args:
        file: file name in the directory.
        num_examples: number of records.
        num_bytes: size of the file.
        sha256: SHA-256 of the file.
        histogram: {label: number of images}.
        skipped: names of images that were left out because they cannot be read.
    """

    file: str
    num_examples: int
    num_bytes: int
    sha256: str
    histogram: dict
    skipped: tuple = ()

    @classmethod
    def from_dict(cls, values):
        """Makes a shard from a dict of JSON, whose keys are text."""
        histogram = {int(label): count for label, count in values["histogram"].items()}
        return cls(**{**values, "histogram": histogram, "skipped": tuple(values["skipped"])})


@dataclasses.dataclass(frozen=True)
class Manifest:
    """Description of prepared images for training.

    Args:
        source: `dataset` setting of the original images.
        split: `split` setting of the original images.
        class_names: tuple of str, or None.
        has_labels: False if all labels are 0 because the original images have none.
        preprocessing: {setting: value} of the settings that change the pixels.
        shards: tuple of `Shard`.
    """

    source: str
    split: str
    class_names: tuple | None
    has_labels: bool
    preprocessing: dict
    shards: tuple

    @property
    def num_examples(self):
        """Number of images in all shards."""
        return sum(shard.num_examples for shard in self.shards)

    @property
    def histogram(self):
        """{label: number of images} over all shards."""
        return merge_histograms(shard.histogram for shard in self.shards)

    @property
    def checksum(self):
        """SHA-256 of the joined SHA-256 of the shards."""
        return hashing.bytes_sha256("".join(s.sha256 for s in self.shards).encode())

    def write(self, directory):
        """Writes `dataset.json`, whole or not at all."""
        derived = {name: getattr(self, name) for name in ("num_examples", "histogram", "checksum")}
        values = {"format": _FORMAT, **dataclasses.asdict(self), **derived}
        files.write_whole(os.path.join(directory, FILE_NAME), json.dumps(values, indent=2) + "\n")

    @classmethod
    def read(cls, directory):
        """Reads the manifest of a directory; returns None if it has none of ours.

        Raises:
            DataError: the file is damaged, or was edited.
        """
        path = os.path.join(directory, FILE_NAME)
        if not tf.io.gfile.exists(path):
            return None
        text = _read_own(directory, path)
        if text is None:
            return None
        try:
            values = json.loads(text)
            names = values["class_names"]
            manifest = cls(
                source=values["source"],
                split=values["split"],
                class_names=None if names is None else tuple(names),
                has_labels=values["has_labels"],
                preprocessing={name: values["preprocessing"][name] for name in _PREPROCESSING},
                shards=tuple(Shard.from_dict(shard) for shard in values["shards"]),
            )
            intact = values["format"] == _FORMAT and values["checksum"] == manifest.checksum
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise DataError(f"{path} cannot be read: {error!r}; prepare the data again") from error
        if not intact or values["num_examples"] != manifest.num_examples:
            raise DataError(f"{path} does not agree with itself; prepare the data again")
        return manifest

    def check_config(self, config):
        """Raises ConfigError if the images were prepared with other settings than `config`."""
        for name, prepared in self.preprocessing.items():
            if getattr(config, name) != prepared:
                raise ConfigError(
                    name, getattr(config, name), f"{prepared!r}, as {config.dataset} was prepared"
                )

    def check_files(self, directory, paths):
        """Raises DataError unless `paths` are exactly the shards, with the recorded sizes."""
        found = {os.path.basename(path) for path in paths}
        for shard in self.shards:
            path = os.path.join(directory, shard.file)
            if shard.file not in found:
                raise DataError(f"{path} is missing; dataset.json lists {len(self.shards)} shards")
            size = tf.io.gfile.stat(path).length
            if size != shard.num_bytes:
                raise DataError(f"{path} has {size} bytes; dataset.json says {shard.num_bytes}")
        unknown = found - {shard.file for shard in self.shards}
        if unknown:
            raise DataError(f"{os.path.join(directory, min(unknown))} is not in dataset.json")

    def check_contents(self, directory):
        """Raises DataError unless every shard has the recorded SHA-256."""
        for shard in self.shards:
            path = os.path.join(directory, shard.file)
            if hashing.file_sha256(path) != shard.sha256:
                raise DataError(f"{path} is damaged: its checksum is not that of dataset.json")


def _read_own(directory, path):
    """Returns the text of a `dataset.json` unless it is another program's; then None.

    `prepare_data` leaves its plan beside the file. If only the shards were copied, the names of
    our settings tell.
    """
    with tf.io.gfile.GFile(path, "rb") as file:
        text = file.read().decode(errors="replace")
    has_plan = tf.io.gfile.exists(os.path.join(directory, PLAN_NAME))
    is_ours = has_plan or ('"shards"' in text and '"preprocessing"' in text)
    return text if is_ours else None


def preprocessing_of(config):
    """Returns {setting: value} of the settings that change the pixels."""
    return {name: getattr(config, name) for name in _PREPROCESSING}


def merge_histograms(histograms):
    """Adds up dicts {label: number of images}; the result is sorted by label."""
    total = {}
    for histogram in histograms:
        for label, count in histogram.items():
            total[label] = total.get(label, 0) + count
    return dict(sorted(total.items()))
