"""Image sets of a generator: in memory, under each batch-norm mode, or exported."""

from __future__ import annotations

import dataclasses
import json
import os

import numpy as np
import tensorflow as tf

from sagan_tf import files, sampling
from sagan_tf.errors import ConfigError, EvaluationError, first_line
from sagan_tf.evaluation.image_sets import ImageSet
from sagan_tf.keras_compat import named_layers
from sagan_tf.layers.conditional_batch_norm import MovingMoments
from sagan_tf.runs import exports

BATCH_NORM_MODES = ("moving", "standing", "batch")


@dataclasses.dataclass(frozen=True)
class SamplingConfig:
    """How images are generated for scoring.

    Image i depends on the seed and on i. It depends on batch size and devices only with
    `batch_norm="batch"`. Its label is `i % num_classes`, so that all classes are equally frequent.

    Args:
        ema: whether to use the averaged weights or the raw ones.
        seed: int, of the latents.
        truncation: deviation of the latents, in (0, 1].
        batch_norm: which statistics normalize. "moving" takes those of training. "standing" takes
            averages over batches generated for this purpose (arXiv:1809.11096, section 4.1).
            "batch" takes those of each batch that is scored, over all devices.
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
        """Returns these settings for the records of scores: a dict of JSON values."""
        settings = dataclasses.asdict(self)
        if self.batch_norm != "standing":
            del settings["standing_batches"], settings["standing_batch_size"]
        return settings

    def inputs(self, count, latent_dim, num_classes):
        """Returns float32 latents (count, latent_dim) and int32 labels (count,), 0, 1, 2, ..."""
        latents = sampling.latents(self.seed, count, latent_dim, self.truncation)
        return latents.numpy(), np.arange(count, dtype=np.int32) % (num_classes or 1)


class GeneratedImages(ImageSet):
    """Images of a copy of a generator; the generator itself is not changed.

    Args:
        generator: a `Generator`.
        sampling_config: `SamplingConfig`.
        strategy: `tf.distribute.Strategy` to put the copy on; None is the current one.
    """

    def __init__(self, generator, sampling_config, strategy=None):
        self.image_shape = (generator.resolution, generator.resolution, generator.channels)
        self.has_labels = generator.num_classes is not None
        self.provenance = sampling_config.provenance()
        self._sampling_config = sampling_config
        self._input_sizes = generator.latent_dim, generator.num_classes
        with (strategy or tf.distribute.get_strategy()).scope():
            self._generator = type(generator).from_config(generator.get_config())
        self.update(generator)

    def update(self, generator):
        """Copies the weights of `generator`, which has the same configuration as the first one."""
        copy = _copy(generator)
        if self._sampling_config.batch_norm == "standing":
            set_standing_statistics(copy, self._sampling_config)
        self._generator.set_weights(copy.get_weights())

    def batches(self, num_images, batch_size):
        """Yields (latents, labels) of `batch_size` rows each; the last may have surplus rows."""
        return cut(self._sampling_config.inputs(num_images, *self._input_sizes), batch_size)

    def images(self, latents, labels):
        """Generates uint8 images; `tf.function` traces this method on any replica."""
        if self._sampling_config.batch_norm != "batch":
            return sampling.to_uint8(self._generator(latents, labels, training=False))
        # training=True normalizes by the batch and also updates the moving statistics. The old
        # values are put back.
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


def set_standing_statistics(generator, sampling_config):
    """Sets batch-norm statistics to their averages over batches generated for this purpose.

    These are the standing statistics of BigGAN (arXiv:1809.11096, section 4.1).

    Args:
        generator: a trainable copy of a `Generator`; its norms lose their momentum.
        sampling_config: `SamplingConfig`. The batches use its seed plus one, so the statistics
            come from other images than those that are scored.
    """
    original = generator.get_weights()
    norms = [layer for _, layer in named_layers(generator) if isinstance(layer, MovingMoments)]
    for norm in norms:
        norm.momentum = 0.0  # the moving statistics become those of the last batch
    statistics = [v for norm in norms for v in (norm.moving_mean, norm.moving_variance)]
    call = tf.function(lambda latents, labels: generator(latents, labels, training=True))
    count, size = sampling_config.standing_batches, sampling_config.standing_batch_size
    sampling_config = dataclasses.replace(sampling_config, seed=sampling_config.seed + 1)
    inputs = sampling_config.inputs(count * size, generator.latent_dim, generator.num_classes)
    means = [0.0] * len(statistics)
    for batch in cut(inputs, size):
        generator.set_weights(original)  # a call also moves the spectral norms' vectors
        call(*batch)
        means = [m + v.numpy() / count for m, v in zip(means, statistics)]
    generator.set_weights(original)
    for variable, mean in zip(statistics, means):
        variable.assign(mean)


class ExportedImages(ImageSet):
    """Images of an exported SavedModel, from its `serving_default` signature.

    Latents and labels equal those of `GeneratedImages` with the same `SamplingConfig`.

    Args:
        path: one version of an export, or the directory of versions, of which it takes the newest.
        sampling_config: `SamplingConfig`; its `ema` and `batch_norm` have no effect here.

    Raises:
        EvaluationError: there is no export, or its signature has other inputs or outputs.
    """

    def __init__(self, path, sampling_config):
        self.path = _newest_version(path)
        self.card = _read_card(self.path)
        self._generate = _serving_default(self.path)
        inputs = self._generate.structured_input_signature[1]
        self._label_type = inputs["labels"].dtype if "labels" in inputs else None
        self._latent_dim = inputs["latents"].shape[-1]
        self._num_classes = self.card["config"]["num_classes"]
        self._sampling_config = sampling_config
        self.image_shape = tuple(self._generate.structured_outputs["images"].shape[1:])
        self.has_labels = self._num_classes is not None
        self.provenance = {**sampling_config.provenance(), "batch_norm": "as exported"}

    def batches(self, num_images, batch_size):
        """Yields (latents, labels) of `batch_size` rows each; the last may have surplus rows."""
        inputs = self._sampling_config.inputs(num_images, self._latent_dim, self._num_classes)
        return cut(inputs, batch_size)

    def images(self, latents, labels):
        """Generates uint8 images; `tf.function` traces this method."""
        arguments = {"latents": latents}
        if self._label_type is not None:
            arguments["labels"] = tf.cast(labels, self._label_type)
        return sampling.to_uint8(self._generate(**arguments)["images"])


def _newest_version(path):
    if not tf.io.gfile.isdir(path):
        raise EvaluationError(f"export_dir={path!r} is no directory; it must hold an export")
    versions = exports.version_directories(path)
    return versions[max(versions)] if versions else path


def _read_card(path):
    card_path = os.path.join(path, "assets.extra", "sagan.json")
    if not tf.io.gfile.exists(card_path):
        raise EvaluationError(f"export_dir={path!r} is no export of ours: there is no {card_path}")
    return json.loads(files.read_text(card_path))


def _serving_default(path):
    try:
        model = tf.saved_model.load(path)
    except (OSError, ValueError) as error:
        reason = first_line(error)
        raise EvaluationError(f"export_dir={path!r} does not load: {reason}") from error
    generate = model.signatures.get("serving_default")
    if (
        generate is None
        or "latents" not in generate.structured_input_signature[1]
        or "images" not in generate.structured_outputs
    ):
        raise EvaluationError(f"export {path}: serving_default does not map latents to images")
    # The signature lives as long as the object that it was loaded with.
    generate.loaded_from = model
    return generate
