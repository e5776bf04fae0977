"""Registry of data sources: `open_source` opens the `dataset` setting."""

from __future__ import annotations

import os

from sagan_tf import files
from sagan_tf.data import listing
from sagan_tf.data.arrays import ArraySource
from sagan_tf.data.folder import FolderSource
from sagan_tf.data.tfds_source import TFDSSource
from sagan_tf.data.tfrecords import RecordSource
from sagan_tf.errors import ConfigError, DataError

FASHION_MNIST_CLASSES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)
_BUNDLED_DIRECTORY = os.path.join(os.path.dirname(__file__), "bundled")
_IDX_PREFIXES = {"train": "train", "test": "t10k"}


def open_source(config, data_dir=None):
    """Opens the images that `config.dataset` names.

    Args:
        config: ExperimentConfig.
        data_dir: directory of TFDS's data sets, local or `gs://`; None is TFDS's default.

    Returns:
        `source.Source` with at least one image: a `RandomAccessSource` for `bundled`, `idx:` and
        `folder:`, a `SequentialSource` for `tfrecord:` and `tfds:`.

    Raises:
        DataError: the data cannot be used; the message names the path or the data set.
        ConfigError: a setting does not fit the data.
    """
    listing.check_text("dataset", config.dataset)
    kind, _, rest = config.dataset.partition(":")
    source = _OPENERS[kind](files.expand_home(rest), config, data_dir)
    if source.num_examples == 0:
        raise DataError(f"{config.dataset} has no images")
    return source


def require_labels(source, config):
    """Raises DataError if `config` trains with classes and the source has no labels."""
    if config.num_classes is not None and not source.has_labels:
        raise DataError(
            f"{config.dataset} has no classes, but num_classes={config.num_classes}; use "
            "num_classes=none, or put the images into one sub-folder for each class"
        )


def _open_bundled(_, config, data_dir):
    prefix = _IDX_PREFIXES["test"]
    return ArraySource.from_idx(_BUNDLED_DIRECTORY, prefix, FASHION_MNIST_CLASSES, config)


def _open_idx(path, config, data_dir):
    if config.split not in _IDX_PREFIXES:
        raise ConfigError("split", config.split, "train or test for an IDX directory")
    return ArraySource.from_idx(path, _IDX_PREFIXES[config.split], None, config)


def _open_folder(path, config, data_dir):
    return FolderSource(path, config)


def _open_records(pattern, config, data_dir):
    return RecordSource(pattern, config)


_OPENERS = {
    "bundled": _open_bundled,
    "idx": _open_idx,
    "folder": _open_folder,
    "tfrecord": _open_records,
    "tfds": TFDSSource,
}
