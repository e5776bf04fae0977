"""Image sets of a generator: in memory, under each batch-norm mode, or exported."""

from __future__ import annotations

import copy
import dataclasses
import json
import os

import numpy as np
import tensorflow as tf

from sagan_tf import files, sampling
from sagan_tf.errors import ConfigError, EvaluationError, first_line
from sagan_tf.evaluation.image_sets import ImageSet
from sagan_tf.evaluation.settings import BALANCED, SamplingConfig
from sagan_tf.keras_compat import named_layers
from sagan_tf.layers.conditional_batch_norm import MovingMoments


class _SampledImages(ImageSet):
    """Base of the images that a generator makes of sampled latents and labels.

    Args:
        sampling_config: `SamplingConfig`.
        latent_dim: of the generator.
        num_classes: of the generator, or None.
        **provenance: changes to the provenance of the sampling configuration.
    """

    def __init__(self, sampling_config, latent_dim, num_classes, **provenance):
        self.has_labels = num_classes is not None
        self._sampling_config = sampling_config
        self._input_sizes = latent_dim, num_classes
        self._changes = provenance
        self._balanced = {}  # image sets by their labels
        self.follow(None)

    def follow(self, label_counts):
        """Gives each class its share of the real images, unless the configuration forbids it.

        Args:
            label_counts: {label: number of real images}; None samples the classes equally.
        """
        self._weights = self._sampling_config.class_weights(label_counts, self._input_sizes[1])
        self.provenance = {**self._sampling_config.provenance(self._weights), **self._changes}

    def batches(self, num_images, batch_size):
        """Yields (latents, labels) of `batch_size` rows each; the last may have surplus rows."""
        inputs = self._sampling_config.inputs(num_images, *self._input_sizes, self._weights)
        return cut(inputs, batch_size)

    def balanced(self, labels):
        """See `ImageSet.balanced`; the images come from the same generator."""
        key = tuple(labels)
        if key not in self._balanced:  # the extractor compiles a program for each set
            images = copy.copy(self)
            images._weights = np.zeros(self._input_sizes[1], np.int64)
            images._weights[list(key)] = 1
            images.provenance = {**self.provenance, "labels": BALANCED}
            self._balanced[key] = images
        return self._balanced[key]


class GeneratedImages(_SampledImages):
    """Images of a copy of a generator; the generator itself is not changed.

    Args:
        generator: a `Generator`.
        sampling_config: `SamplingConfig`.
        strategy: `tf.distribute.Strategy` to put the copy on; None is the current one.
        label_counts: {label: number of real images}; None samples the classes equally.
    """

    def __init__(self, generator, sampling_config, strategy=None, label_counts=None):
        super().__init__(sampling_config, generator.latent_dim, generator.num_classes)
        self.follow(label_counts)
        self.image_shape = (generator.resolution, generator.resolution, generator.channels)
        with (strategy or tf.distribute.get_strategy()).scope():
            self._generator = generator.variant()
        self.update(generator)

    def update(self, generator):
        """Copies the weights of `generator`, which has the same configuration as the first one."""
        fresh = _copy(generator)
        if self._sampling_config.batch_norm == "standing":
            set_standing_statistics(fresh, self._sampling_config, self._weights)
        self._generator.set_weights(fresh.get_weights())

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
    copy = generator.variant()
    # Keras 2 orders weights by whether they are trainable; an averaged generator is not.
    copy.trainable = generator.trainable
    copy.set_weights(generator.get_weights())
    copy.trainable = True
    return copy


def set_standing_statistics(generator, sampling_config, weights=None):
    """Sets batch-norm statistics to their averages over batches generated for this purpose.

    These are the standing statistics of BigGAN (arXiv:1809.11096, section 4.1).

    Args:
        generator: a trainable copy of a `Generator`; its norms lose their momentum.
        sampling_config: `SamplingConfig`. The batches use its seed plus one, so the statistics
            come from other images than those that are scored.
        weights: of the classes, from `SamplingConfig.class_weights`.
    """
    original = generator.get_weights()
    norms = [layer for _, layer in named_layers(generator) if isinstance(layer, MovingMoments)]
    for norm in norms:
        norm.momentum = 0.0  # the moving statistics become those of the last batch
    statistics = [v for norm in norms for v in (norm.moving_mean, norm.moving_variance)]
    call = tf.function(lambda latents, labels: generator(latents, labels, training=True))
    count, size = sampling_config.standing_batches, sampling_config.standing_batch_size
    sampling_config = dataclasses.replace(sampling_config, seed=sampling_config.seed + 1)
    sizes = generator.latent_dim, generator.num_classes
    inputs = sampling_config.inputs(count * size, *sizes, weights)
    means = [0.0] * len(statistics)
    for batch in cut(inputs, size):
        generator.set_weights(original)  # a call also moves the spectral norms' vectors
        call(*batch)
        means = [m + v.numpy() / count for m, v in zip(means, statistics)]
    generator.set_weights(original)
    for variable, mean in zip(statistics, means):
        variable.assign(mean)


class ExportedImages(_SampledImages):
    """Images of an exported SavedModel, from its `serving_default` signature.

    Latents and labels equal those of `GeneratedImages` with the same `SamplingConfig`.

    Args:
        path: one version of an export, or the directory of versions, of which it takes the newest.
        sampling_config: `SamplingConfig` with the default `ema` and `batch_norm`, since an export
            holds only the averaged weights, with the moving statistics.

    Raises:
        ConfigError: another `ema` or `batch_norm`.
        EvaluationError: there is no export, or its signature has other inputs or outputs.
    """

    def __init__(self, path, sampling_config):
        for name in ("ema", "batch_norm"):
            value, exported = getattr(sampling_config, name), getattr(SamplingConfig, name)
            if value != exported:
                raise ConfigError(name, value, f"{exported} for an export, which holds no other")
        self.path = _newest_version(files.exact_path("export_dir", path))
        self.card = _read_card(self.path)
        self._generate = _serving_default(self.path)
        inputs = self._generate.structured_input_signature[1]
        self._label_type = inputs["labels"].dtype if "labels" in inputs else None
        sizes = inputs["latents"].shape[-1], self.card["config"]["num_classes"]
        super().__init__(sampling_config, *sizes, batch_norm="as exported")
        self.image_shape = tuple(self._generate.structured_outputs["images"].shape[1:])

    def images(self, latents, labels):
        """Generates uint8 images; `tf.function` traces this method."""
        arguments = {"latents": latents}
        if self._label_type is not None:
            arguments["labels"] = tf.cast(labels, self._label_type)
        return sampling.to_uint8(self._generate(**arguments)["images"])


def _newest_version(path):
    if not tf.io.gfile.isdir(path):
        raise EvaluationError(f"export_dir={path!r} is no directory; it must hold an export")
    versions = list(files.numbered_directories(path).values())
    return os.path.join(path, versions[-1]) if versions else path


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
