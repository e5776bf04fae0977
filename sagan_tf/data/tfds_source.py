"""Image data sets of TensorFlow Datasets (TFDS)."""

from __future__ import annotations

import importlib

import tensorflow as tf

from sagan_tf.data.source import SequentialSource, scalar_seed
from sagan_tf.errors import ConfigError, DataError


class TFDSSource(SequentialSource):
    """One split of a TFDS data set; images stay encoded until `decoding` crops them.

    The first use downloads and prepares the data set, if TFDS can do that.

    Args:
        name: `NAME[/CONFIG][:VERSION]`.
        config: ExperimentConfig; `split` may be any TFDS split, such as `train[:50%]`.
        data_dir: directory of TFDS's data sets, local or in a bucket; None is TFDS's default.

    Raises:
        DataError: the data set is unknown, cannot be prepared, or has no images.
        ConfigError: the split does not exist.
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
        """Returns a text that changes with the version, the split or the number of images."""
        return f"{self._builder.info.full_name} {self.config.split} {self.num_examples}"

    def records(self, seed, num_shards, shard):
        """Returns one pass over a worker's records, a sub-split; see `SequentialSource`."""
        if num_shards > 1 and self._knows_splits():
            return self._read(self._sub_split(num_shards, shard), seed)
        return self._read(self.config.split, seed).shard(num_shards, shard)

    def shard_size(self, num_shards, shard):
        """Returns the number of a worker's records; see `SequentialSource`."""
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
        """Encoded images and labels; `seed` decides the order of the files."""
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
        return self._builder.as_dataset(
            split=split, decoders=decoders, read_config=read_config, shuffle_files=shuffle
        )

    def parse(self, record):
        """Returns the encoded image and the label of a record; see `SequentialSource`."""
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
        except Exception as error:  # TFDS raises many types, all about the name
            raise DataError(f"tfds:{name} cannot be opened: {_line(error)}") from error
        try:
            builder.download_and_prepare()
        except Exception as error:  # the network, manual downloads, checksums, disks
            raise DataError(
                f"tfds:{name} is not prepared in {builder.data_dir}, and TFDS cannot prepare it: "
                f"{_line(error)}"
            ) from error
        return builder

    def _find(self, features, kind, usual):
        """Returns the feature of a type: the one named `usual`, else the only one, else None."""
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
    """Returns the first line of an error that is not empty, at most 300 characters."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[0] if lines else type(error).__name__)[:300]
