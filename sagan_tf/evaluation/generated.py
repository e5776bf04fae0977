"""Images from a generator, drawn for scoring, under each batch-norm mode."""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf

from sagan_tf import sampling
from sagan_tf.errors import ConfigError
from sagan_tf.keras_compat import named_layers

BATCH_NORM_MODES = ("moving", "standing", "batch")


class GeneratedImages:
    """Images of a copy of a generator; the generator itself is neither used up nor changed.

    Image i depends on the seed and i, not on batch size or devices (but for `batch_norm="batch"`,
    where it must), and has the label `i % num_classes`: all classes alike.

    Args:
        generator: a `Generator`.
        seed: int, of the latents.
        truncation: deviation of the latents, in (0, 1].
        batch_norm: whose statistics normalize: "moving", those of training; "standing", averages
            over `standing_batches` batches drawn for it (arXiv:1809.11096, section 4.1); "batch",
            those of each batch, over all devices.
        standing_batches: batches for "standing".
        batch_size: images in one of those.
        strategy: `tf.distribute.Strategy` to put the copy on; None is the current one.

    Raises:
        ConfigError: `batch_norm` or `truncation` is not allowed.
    """

    def __init__(
        self,
        generator,
        seed=0,
        truncation=1.0,
        batch_norm="moving",
        standing_batches=100,
        batch_size=64,
        strategy=None,
    ):
        if batch_norm not in BATCH_NORM_MODES:
            raise ConfigError("batch_norm", batch_norm, f"one of {', '.join(BATCH_NORM_MODES)}")
        self.resolution, self.channels = generator.resolution, generator.channels
        self._num_classes, self._latent_dim = generator.num_classes, generator.latent_dim
        self._seed, self._truncation = seed, truncation
        self._uses_batch = batch_norm == "batch"
        weights = generator.get_weights()
        if batch_norm == "standing":
            # Another seed, so that the statistics are not fitted to the images that are scored.
            drawn = self._inputs(seed + 1, standing_batches * batch_size)
            weights = standing_weights(generator, cut(drawn, batch_size))
        with (strategy or tf.distribute.get_strategy()).scope():
            self._generator = _copy(generator, weights)
        self.provenance = {"batch_norm": batch_norm, "truncation": truncation, "seed": seed}
        if batch_norm == "standing":
            self.provenance["standing_batches"] = standing_batches

    def batches(self, num_images, batch_size):
        """Yields (latents, labels), each of `batch_size` rows; the last may have surplus rows."""
        return cut(self._inputs(self._seed, num_images), batch_size)

    def _inputs(self, seed, count):
        return evaluation_inputs(seed, count, self._latent_dim, self._num_classes, self._truncation)

    def images(self, latents, labels):
        """Draws uint8 images; traced by `tf.function`, on any replica."""
        if not self._uses_batch:
            return sampling.to_uint8(self._generator(latents, labels, training=False))
        # training=True normalizes by the batch, but also moves statistics: put them back.
        variables = self._generator.non_trainable_variables
        before = [tf.identity(variable) for variable in variables]
        images = self._generator(latents, labels, training=True)
        for variable, value in zip(variables, before, strict=True):
            variable.assign(value)
        return sampling.to_uint8(images)


def evaluation_inputs(seed, count, latent_dim, num_classes, truncation):
    """Latents float32 (count, latent_dim) and labels int32 (count,), 0, 1, 2, ... in turn."""
    latents = sampling.latents(seed, count, latent_dim, truncation)
    return latents.numpy(), np.arange(count, dtype=np.int32) % (num_classes or 1)


def cut(arrays, batch_size):
    """Yields tuples of `batch_size` rows; the last is filled up with rows from the beginning."""
    count = len(arrays[0])
    for start in range(0, count, batch_size):
        rows = np.arange(start, start + batch_size) % count
        yield tuple(array[rows] for array in arrays)


def _copy(generator, weights):
    copy = type(generator).from_config(generator.get_config())
    copy.set_weights(weights)
    return copy


def standing_weights(generator, batches):
    """The generator's weights with batch-norm statistics averaged over batches.

    Args:
        generator: a `Generator`; it is not changed.
        batches: yields (latents, labels).

    Returns:
        Weights in the order of `get_weights()`.
    """
    original = generator.get_weights()
    copy = _copy(generator, original)
    norms = [
        layer
        for _, layer in named_layers(copy)
        if isinstance(layer, keras.layers.BatchNormalization)
    ]
    for norm in norms:
        norm.momentum = 0.0  # the moving statistics become those of the last batch
    statistics = [v for norm in norms for v in (norm.moving_mean, norm.moving_variance)]
    call = tf.function(lambda latents, labels: copy(latents, labels, training=True))
    sums, count = [0.0] * len(statistics), 0
    for latents, labels in batches:
        copy.set_weights(original)  # a call also moves the spectral norms' vectors
        call(latents, labels)
        sums = [s + v.numpy().astype(np.float64) for s, v in zip(sums, statistics, strict=True)]
        count += 1
    copy.set_weights(original)
    for variable, total in zip(statistics, sums, strict=True):
        variable.assign((total / count).astype(np.float32))
    return copy.get_weights()
