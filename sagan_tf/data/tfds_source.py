"""Any image data set of TensorFlow Datasets."""

from __future__ import annotations

import importlib

import tensorflow as tf

from sagan_tf.data.sequential import SequentialSource, scalar_seed
from sagan_tf.errors import ConfigError, DataError


class TFDSSource(SequentialSource):
    """A split of a TFDS data set, its images left encoded until they are cropped.

    A data set that is not prepared yet is downloaded and prepared, where TFDS can do that.

    Args:
        name: `NAME[/CONFIG][:VERSION]`.
        config: ExperimentConfig; `split` may be any TFDS split, such as `train[:50%]`.
        data_dir: TFDS's data directory, local or in a bucket; None is TFDS's default.

    Raises:
        DataError: unknown, not to be had, or without images.
        ConfigError: there is no such split.
    """

    def __init__(self, name, config, data_dir=None):
        self.config = config
        self._tfds = _import_tfds()
        self._builder = self._open(name, data_dir)
        features = self._builder.info.features
        self._image_key = self._find(features, self._tfds.features.Image, "image")
        self._label_key = self._find(features, self._tfds.features.ClassLabel, "label")
        if self._image_key is None:
            raise DataError(f"{config.dataset} has no image among {', '.join(sorted(features))}")
        self.has_labels = self._label_key is not None
        self.class_names = tuple(features[self._label_key].names) if self.has_labels else None
        self.num_examples = self._size(config.split)

    def fingerprint(self):
        """A text that changes with the version, the split or the number of images."""
        return f"{self._builder.info.full_name} {self.config.split} {self.num_examples}"

    def records(self, seed, num_shards, shard):
        """See `SequentialSource`: sub-splits for each worker, so that none reads another's."""
        if num_shards > 1 and self._knows_splits():
            return self._read(self._sub_split(num_shards, shard), seed)
        return self._read(self.config.split, seed).shard(num_shards, shard)

    def shard_size(self, num_shards, shard):
        """See `SequentialSource`."""
        if num_shards > self.num_examples:
            return int(shard < self.num_examples)
        if num_shards > 1 and self._knows_splits():
            return self._size(self._sub_split(num_shards, shard))
        return -(-(self.num_examples - shard) // num_shards)

    def _knows_splits(self):
        return bool(self._builder.info.splits)

    def _sub_split(self, num_shards, shard):
        splits = self._tfds.even_splits(self.config.split, num_shards, drop_remainder=False)
        return splits[shard]

    def _read(self, split, seed):
        """Encoded images and labels; files in an order that follows from `seed`."""
        shuffle = seed is not None and not self._builder.info.disable_shuffling
        read_config = self._tfds.ReadConfig(
            shuffle_seed=scalar_seed(seed) if shuffle else None,
            shuffle_reshuffle_each_iteration=False,
            try_autocache=False,
        )
        keys = [key for key in (self._image_key, self._label_key) if key]
        decoders = self._tfds.decode.PartialDecoding(
            dict.fromkeys(keys, True),
            decoders={self._image_key: self._tfds.decode.SkipDecoding()},
        )
        records = self._builder.as_dataset(
            split=split, decoders=decoders, read_config=read_config, shuffle_files=shuffle
        )
        return records

    def parse(self, record):
        """See `SequentialSource`."""
        label = record[self._label_key] if self._label_key else 0
        return record[self._image_key], tf.cast(label, tf.int64)

    def _size(self, split):
        try:
            return int(self._read(split, None).cardinality())
        except (ValueError, KeyError) as error:
            known = ", ".join(self._builder.info.splits) or "the names of its splits"
            raise ConfigError("split", split, f"made of {known}: {_line(error)}") from error

    def _open(self, name, data_dir):
        try:
            builder = self._tfds.builder(name, data_dir=data_dir)
        except Exception as error:  # TFDS raises many kinds, all about the name
            raise DataError(f"tfds:{name} cannot be opened: {_line(error)}") from error
        try:
            builder.download_and_prepare()
        except Exception as error:  # likewise: network, manual downloads, checksums, disks
            raise DataError(
                f"tfds:{name} is not prepared in {builder.data_dir}, and TFDS cannot prepare it: "
                f"{_line(error)}"
            ) from error
        return builder

    def _find(self, features, kind, usual):
        """The feature of a kind: the one with the usual name, else the only one."""
        found = [key for key, feature in features.items() if isinstance(feature, kind)]
        if usual in found:
            return usual
        return found[0] if len(found) == 1 else None


def _import_tfds():
    try:
        return _load_package()
    except ImportError as error:
        raise DataError(
            f"a tfds: data set needs the package tensorflow-datasets ({error}); pip install it"
        ) from error


def _load_package():
    return importlib.import_module("tensorflow_datasets")  # an optional requirement


def _line(error):
    """The first line of an error that says something, shortened."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[0] if lines else type(error).__name__)[:300]
