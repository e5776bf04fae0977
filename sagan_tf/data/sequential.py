"""What sources share that are read from their beginning to their end: TFDS and TFRecords."""

from __future__ import annotations

import functools

import tensorflow as tf

from sagan_tf.data import decoding, loading
from sagan_tf.errors import DataError


def scalar_seed(seed):
    """One int64 that follows from all of a seed, int32 (2,)."""
    return tf.random.stateless_uniform((), seed, None, None, tf.int64)


class SequentialSource:
    """Base of sources whose records come in the order in which they are stored.

    Subclasses have `num_examples`, `class_names`, `has_labels` and `config`, and define
    `records`, `shard_size` and `fingerprint`.
    """

    random_access = False

    def known_histogram(self):
        """{label: images} if it is known without decoding; None otherwise."""

    def records(self, seed, num_shards, shard):
        """One pass over the records of one worker, as they are stored.

        Args:
            seed: int32 (2,), for the order of the files; None is the stored order.
            num_shards: workers; over all of them, a pass meets every record once.
            shard: which of them this is.

        Returns:
            tf.data.Dataset of what `parse` takes.
        """
        raise NotImplementedError

    def parse(self, *record):
        """A record as an encoded image, string, and a label, int64."""
        raise NotImplementedError

    def image_batches(self, records, batch_size):
        """Batches of images and labels from a dataset of records; what is left over is dropped."""

        def decode(*record):
            encoded, label = self.parse(*record)
            return self.decode(encoded)[0], label

        images = records.map(decode, num_parallel_calls=tf.data.AUTOTUNE)
        return images.batch(batch_size, drop_remainder=True)

    def shard_size(self, num_shards, shard):
        """How many records `records` of this worker has."""
        raise NotImplementedError

    def decode(self, encoded):
        """The image, uint8 (resolution, resolution, channels), and its size before, int32 (2,)."""
        return decoding.decode(encoded, self.config)

    def examples(self, order=None):
        """Every image, as `loading.Example`.

        Args:
            order: must be None, the stored order: there is no other way to read.
        """
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
