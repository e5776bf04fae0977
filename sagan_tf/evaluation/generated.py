"""Images from a generator, drawn for scoring, under each batch-norm mode."""

from __future__ import annotations

import dataclasses

import keras
import numpy as np
import tensorflow as tf

from sagan_tf import sampling
from sagan_tf.errors import ConfigError
from sagan_tf.keras_compat import named_layers

BATCH_NORM_MODES = ("moving", "standing", "batch")


@dataclasses.dataclass(frozen=True)
class Drawing:
    """How images are drawn for scoring.

    Image i depends on the seed and i, not on batch size or devices (but for `batch_norm="batch"`,
    where it must), and has the label `i % num_classes`: all classes alike.

    Args:
        ema: whether the averaged weights draw, or else the raw ones.
        seed: int, of the latents.
        truncation: deviation of the latents, in (0, 1].
        batch_norm: whose statistics normalize: "moving", those of training; "standing", averages
            over batches drawn for it (arXiv:1809.11096, section 4.1); "batch", those of each
            batch that is scored, over all devices.
        standing_batches: batches for "standing".
        standing_batch_size: images in each of them.

    Raises:
        ConfigError: a value that is not allowed.
    """

    ema: bool = True
    seed: int = 0
    truncation: float = 1.0
    batch_norm: str = "moving"
    standing_batches: int = 100
    standing_batch_size: int = 64

    def __post_init__(self):
        if self.batch_norm not in BATCH_NORM_MODES:
            wanted = f"one of {', '.join(BATCH_NORM_MODES)}"
            raise ConfigError("batch_norm", self.batch_norm, wanted)
        if not 0.0 < self.truncation <= 1.0:
            raise ConfigError("truncation", self.truncation, "in (0, 1]")
        for name in ("standing_batches", "standing_batch_size"):
            if getattr(self, name) < 1:
                raise ConfigError(name, getattr(self, name), "a whole number above 0")

    def provenance(self):
        """What a record says of it: a dict of JSON values."""
        settings = dataclasses.asdict(self)
        if self.batch_norm != "standing":
            del settings["standing_batches"], settings["standing_batch_size"]
        return settings

    def inputs(self, count, latent_dim, num_classes):
        """Latents float32 (count, latent_dim) and labels int32 (count,), 0, 1, 2, ... in turn."""
        latents = sampling.latents(self.seed, count, latent_dim, self.truncation)
        return latents.numpy(), np.arange(count, dtype=np.int32) % (num_classes or 1)


class GeneratedImages:
    """Images of a copy of a generator; the generator itself is not changed.

    Args:
        generator: a `Generator`.
        drawing: `Drawing`.
        strategy: `tf.distribute.Strategy` to put the copy on; None is the current one.
    """

    def __init__(self, generator, drawing, strategy=None):
        self.image_shape = (generator.resolution, generator.resolution, generator.channels)
        self.has_labels = generator.num_classes is not None
        self.provenance = drawing.provenance()
        self._drawing = drawing
        self._input_sizes = generator.latent_dim, generator.num_classes
        with (strategy or tf.distribute.get_strategy()).scope():
            self._generator = type(generator).from_config(generator.get_config())
        self.update(generator)

    def update(self, generator):
        """Takes on the weights that a generator of this kind has now."""
        copy = _copy(generator)
        if self._drawing.batch_norm == "standing":
            set_standing_statistics(copy, self._drawing)
        self._generator.set_weights(copy.get_weights())

    def batches(self, num_images, batch_size):
        """Yields (latents, labels), each of `batch_size` rows; the last may have surplus rows."""
        return cut(self._drawing.inputs(num_images, *self._input_sizes), batch_size)

    def images(self, latents, labels):
        """Draws uint8 images; traced by `tf.function`, on any replica."""
        if self._drawing.batch_norm != "batch":
            return sampling.to_uint8(self._generator(latents, labels, training=False))
        # training=True normalizes by the batch, but also moves statistics: put them back.
        variables = self._generator.non_trainable_variables
        before = [tf.identity(variable) for variable in variables]
        images = self._generator(latents, labels, training=True)
        for variable, value in zip(variables, before):
            variable.assign(value)
        return sampling.to_uint8(images)


def cut(arrays, batch_size):
    """Yields tuples of `batch_size` rows; the last is filled up with rows from the beginning."""
    count = len(arrays[0])
    for start in range(0, count, batch_size):
        rows = np.arange(start, start + batch_size) % count
        yield tuple(array[rows] for array in arrays)


def _copy(generator):
    copy = type(generator).from_config(generator.get_config())
    # Keras 2 orders weights by whether they are trainable; an averaged generator is not.
    copy.trainable = generator.trainable
    copy.set_weights(generator.get_weights())
    copy.trainable = True
    return copy


def set_standing_statistics(generator, drawing):
    """Sets batch-norm statistics to their averages over batches drawn for it.

    Args:
        generator: a trainable `Generator` of its own; the momentum of its norms is lost.
        drawing: `Drawing`; its seed plus one is used, so that the statistics are not fitted to
            the very images that are scored.
    """
    original = generator.get_weights()
    norms = [
        layer
        for _, layer in named_layers(generator)
        if isinstance(layer, keras.layers.BatchNormalization)
    ]
    for norm in norms:
        norm.momentum = 0.0  # the moving statistics become those of the last batch
    statistics = [v for norm in norms for v in (norm.moving_mean, norm.moving_variance)]
    call = tf.function(lambda latents, labels: generator(latents, labels, training=True))
    count, size = drawing.standing_batches, drawing.standing_batch_size
    drawing = dataclasses.replace(drawing, seed=drawing.seed + 1)
    inputs = drawing.inputs(count * size, generator.latent_dim, generator.num_classes)
    means = [0.0] * len(statistics)
    for batch in cut(inputs, size):
        generator.set_weights(original)  # a call also moves the spectral norms' vectors
        call(*batch)
        means = [m + v.numpy() / count for m, v in zip(means, statistics)]
    generator.set_weights(original)
    for variable, mean in zip(statistics, means):
        variable.assign(mean)
