"""The contract of data sources: `Source`, with random access or sequential."""

from __future__ import annotations

import abc
import functools

import tensorflow as tf

from sagan_tf.data import decoding, loading
from sagan_tf.errors import DataError


class Source(abc.ABC):
    """A set of images with labels, at the resolution of a configuration.

    `sources.open_source` makes one from the `dataset` setting. A subclass derives from
    `RandomAccessSource` or from `SequentialSource`, and sets these attributes before it is used:

    Attributes:
        num_examples: int, the number of images.
        class_names: tuple of str, the name of each label; None if the data have no names.
        has_labels: bool; False if all labels are 0 because the data have none.
        random_access: bool; True if `examples` accepts an order.
        warnings: tuple of str; a line for each part of the data that is not used.
    """

    random_access: bool
    class_names = None
    has_labels = True
    warnings = ()

    @abc.abstractmethod
    def fingerprint(self):
        """Returns a text that changes when the data change."""

    def is_same_data(self, dataset, fingerprint):
        """Returns True if `fingerprint` is that of the same data, opened as `dataset`.

        Args:
            dataset: an earlier `dataset` setting; the data may have been at another path.
            fingerprint: the text that `fingerprint` returned then.
        """
        return fingerprint == self.fingerprint()

    def sample_sha256(self):
        """Returns a SHA-256 of some contents, or "" if `fingerprint` depends on contents."""
        return ""

    def known_histogram(self):
        """Returns {label: number of images} if it is known without decoding, else None."""
        return None

    @abc.abstractmethod
    def examples(self, order=None):
        """Yields one `loading.Example` for each image, not read yet.

        Args:
            order: iterable of indices in [0, num_examples), only with random access; None yields
                all images in the stored order.
        """


class RandomAccessSource(Source):
    """A source that reads any image by its index, such as a folder or an array.

    The training order is a permutation of all indices, and training resumes at any step at once.
    """

    random_access = True

    @abc.abstractmethod
    def batches(self, index_batches):
        """Returns the images and labels of each batch of indices, in order.

        Args:
            index_batches: tf.data.Dataset of int64 (batch,), of static shape.

        Returns:
            tf.data.Dataset of uint8 (batch, resolution, resolution, channels) and int32 (batch,).
        """


class SequentialSource(Source):
    """A source whose records are read from the first to the last: TFDS and TFRecords.

    The training order shuffles the files, then the records through a buffer. Training resumes by
    skipping records.

    Attributes:
        config: ExperimentConfig that the source was opened with.
    """

    random_access = False

    @abc.abstractmethod
    def records(self, seed, num_shards, shard):
        """Returns one pass over the records of one worker, as they are stored.

        Args:
            seed: int32 (2,), for the order of the files; None is the stored order.
            num_shards: number of workers. Over all workers, a pass reads every record once.
            shard: index of this worker, in [0, num_shards).

        Returns:
            tf.data.Dataset of the arguments of `parse`.
        """

    @abc.abstractmethod
    def shard_size(self, num_shards, shard):
        """Returns the number of records that `records` has for this worker."""

    @abc.abstractmethod
    def parse(self, *record):
        """Returns the encoded image (string) and the label (int64) of a record."""

    def decode(self, encoded):
        """Decodes the image of a record, as `decoding.decode` does."""
        return decoding.decode(encoded, self.config)

    def image_batches(self, records, batch_size):
        """Returns batches of images and labels; a last batch that is not full is dropped.

        Args:
            records: tf.data.Dataset of the arguments of `parse`.
            batch_size: images in a batch.
        """

        def decode(*record):
            encoded, label = self.parse(*record)
            return self.decode(encoded)[0], label

        images = records.map(decode, num_parallel_calls=tf.data.AUTOTUNE)
        return images.batch(batch_size, drop_remainder=True)

    def examples(self, order=None):
        """Yields one `loading.Example` for each record in the stored order; see `Source`."""
        if order is not None:
            raise ValueError("a sequential source has only its stored order")
        records = self.records(None, 1, 0).map(self.parse).as_numpy_iterator()
        try:
            for index, (encoded, label) in enumerate(records):
                name = f"record {index} of {self.config.dataset}"
                load = loading.EncodedImage(self._decoder, encoded)
                yield loading.Example(name, int(label), load)
        except tf.errors.DataLossError as error:
            raise DataError(f"{self.config.dataset} is damaged: {error.message}") from error

    @functools.cached_property
    def _decoder(self):
        return loading.Decoder(self.decode)


def scalar_seed(seed):
    """Returns one int64 derived from a seed, int32 (2,)."""
    return tf.random.stateless_uniform((), seed, None, None, tf.int64)
