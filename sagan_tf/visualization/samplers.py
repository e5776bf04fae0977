"""Samplers: generated images of a model in memory or of an export on disk, for pictures."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from sagan_tf import sampling
from sagan_tf.config import ExperimentConfig
from sagan_tf.errors import ConfigError, UserError
from sagan_tf.evaluation.generated import ExportedImages
from sagan_tf.evaluation.settings import SamplingConfig
from sagan_tf.runs import checkpoints, run_directory
from sagan_tf.runs import pretrained as weights
from sagan_tf.visualization import attention, interpolation


class NotAvailable(UserError):
    """A model or export cannot give what a picture needs, such as attention maps."""


class ModelSampler:
    """Generates images with the EMA generator of a `SAGAN`.

    Args:
        model: the `SAGAN`.
        config: `ExperimentConfig` of its training, or None if it is not known.
        name: of the model, for messages.
    """

    def __init__(self, model, config, name):
        self.generator = model.ema_generator
        self.config, self.name = config, name
        self.num_classes = self.generator.num_classes
        self.latent_dim = self.generator.latent_dim
        self.class_names = model.class_names

    def generate(self, latents, labels):
        """Returns uint8 images (n, h, w, c) of float32 latents (n, d) and int32 labels (n,)."""
        return sampling.to_uint8(self.generator(latents, labels)).numpy()

    def generate_mixtures(self, latents, mixtures):
        """Returns uint8 images (n, h, w, c) of mixtures of classes.

        Args:
            latents: float32 (n, d).
            mixtures: float (n, num_classes); row i has the weights of the classes in image i.

        Raises:
            NotAvailable: the sampler takes whole classes only.
        """
        mixed = interpolation.with_mixed_classes(self.generator, mixtures)
        return sampling.to_uint8(mixed(latents, np.arange(len(mixtures), dtype=np.int32))).numpy()

    def attention(self, latents, labels, points):
        """Returns images, the attention maps of some queries, and the places of these queries.

        Args:
            latents: float32 (n, d).
            labels: int32 (n,).
            points: (row, column) of each query, fractions in [0, 1).

        Returns:
            uint8 images (n, h, w, c), float32 maps (n, queries, keys_h, keys_w), and the (row,
            column) of the query that is nearest to each point.

        Raises:
            NotAvailable: the generator has no self-attention.
        """
        if not self.generator.has_attention_maps:
            raise NotAvailable(f"attention: the generator of {self.name} has no self-attention")
        images, maps = self.generator(latents, labels, return_attention_maps=True)
        return sampling.to_uint8(images).numpy(), *attention.choose(maps.numpy(), points)


class ExportSampler:
    """Generates images with the signatures of an export; methods are those of `ModelSampler`.

    Args:
        path: one version of an export, or the directory of versions.

    Raises:
        EvaluationError: there is no export of this package.
    """

    def __init__(self, path):
        self._images = ExportedImages(path, SamplingConfig())
        self.name = self._images.path
        card = self._images.card
        known = card["config"]
        self.config = ExperimentConfig.from_saved(known) if "dataset" in known else None
        self.num_classes = known["num_classes"]
        self.latent_dim = known["latent_dim"]
        self.class_names = card["class_names"]
        self._signatures = tf.saved_model.load(self.name).signatures

    def generate(self, latents, labels):
        """See `ModelSampler.generate`."""
        return self._images.images(tf.constant(latents), tf.constant(labels)).numpy()

    def generate_mixtures(self, latents, mixtures):
        """Raises NotAvailable: a signature takes whole classes only."""
        raise NotAvailable(
            f"class_interpolation: export {self.name} takes whole classes only; plot it from the "
            "run with --run_dir"
        )

    def attention(self, latents, labels, points):
        """See `ModelSampler.attention`; an export has the maps of a coarse grid of queries only."""
        if "attention" not in self._signatures:
            raise NotAvailable(f"attention: export {self.name} has no signature attention")
        inputs = {"latents": tf.constant(latents)}
        if self.num_classes is not None:
            inputs["labels"] = tf.constant(labels, tf.int32)
        outputs = self._signatures["attention"](**inputs)
        images = sampling.to_uint8(outputs["images"]).numpy()
        return images, *attention.choose(outputs["attention_maps"].numpy(), points)


def open_sampler(run_dir=None, export_dir=None, pretrained=None):
    """Opens the run, export or pretrained generator that exactly one argument names.

    Args:
        run_dir: directory that `train/main.py --run_dir` wrote.
        export_dir: directory that `export/main.py --export_dir` wrote.
        pretrained: name of weights that come with the package.

    Raises:
        ConfigError: no argument, or several, are given.
        UserError: there is no run, export or weights.
    """
    given = {"run_dir": run_dir, "export_dir": export_dir, "pretrained": pretrained}
    names = [name for name, value in given.items() if value]
    if len(names) != 1:
        wanted = "one of --run_dir, --export_dir and --pretrained"
        raise ConfigError("source", " and ".join(names) or None, wanted)
    if export_dir:
        return ExportSampler(export_dir)
    if run_dir:
        config = run_directory.load(run_dir).config
        return ModelSampler(checkpoints.load(run_dir), config, run_dir)
    source = weights.load_source(pretrained)
    return ModelSampler(source.model, ExperimentConfig(**source.config), pretrained)
