"""What pictures are drawn of: a model in memory, or an export on disk."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from sagan_tf import sampling
from sagan_tf.config import ExperimentConfig
from sagan_tf.errors import ConfigError, UserError
from sagan_tf.evaluation.generated import ExportedImages, SamplingConfig
from sagan_tf.runs import checkpoints
from sagan_tf.runs import directory as run_directory
from sagan_tf.runs import pretrained as weights
from sagan_tf.visualization import attention, interpolation


class CannotShow(UserError):
    """A picture that this model or export has not the means for."""


class ModelSubject:
    """A `SAGAN`, drawn from by its EMA generator.

    Args:
        model: the `SAGAN`.
        config: `ExperimentConfig` of its training, or None if it is not known.
        name: what to call it, for people.
    """

    def __init__(self, model, config, name):
        self.generator = model.ema_generator
        self.config, self.name = config, name
        self.num_classes = self.generator.num_classes
        self.latent_dim = self.generator.latent_dim
        self.class_names = model.class_names

    def draw(self, latents, labels):
        """uint8 images (n, h, w, c) of float32 latents (n, d) and int32 labels (n,)."""
        return sampling.to_uint8(self.generator(latents, labels)).numpy()

    def draw_mixtures(self, latents, mixtures):
        """uint8 images, row i of which has the class `mixtures[i]`, (n, num_classes)."""
        mixed = interpolation.with_mixed_classes(self.generator, mixtures)
        return sampling.to_uint8(mixed(latents, np.arange(len(mixtures), dtype=np.int32))).numpy()

    def attention(self, latents, labels, points):
        """Images, the maps of some query points, and the queries that are nearest to them.

        Args:
            latents: float32 (n, d).
            labels: int32 (n,).
            points: (row, column) of each query, fractions in [0, 1).

        Returns:
            uint8 (n, h, w, c), float32 (n, queries, keys_h, keys_w), and a list of points.

        Raises:
            CannotShow: there is no self-attention.
        """
        if not self.generator.has_attention_maps:
            raise CannotShow(f"attention: the generator of {self.name} has no self-attention")
        images, maps = self.generator(latents, labels, return_attention_maps=True)
        return sampling.to_uint8(images).numpy(), *attention.choose(maps.numpy(), points)


class ExportSubject:
    """An exported SavedModel, drawn from by its signatures; arguments as `ModelSubject`'s.

    Args:
        path: one version of an export, or the directory of versions.

    Raises:
        EvaluationError: there is no export of ours.
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

    def draw(self, latents, labels):
        """See `ModelSubject.draw`."""
        return self._images.images(tf.constant(latents), tf.constant(labels)).numpy()

    def draw_mixtures(self, latents, mixtures):
        """Raises CannotShow: a signature takes whole classes only."""
        raise CannotShow(
            f"class_interpolation: export {self.name} takes whole classes only; draw it from the "
            "run with --run_dir"
        )

    def attention(self, latents, labels, points):
        """See `ModelSubject.attention`; exports know a coarse grid of queries only."""
        if "attention" not in self._signatures:
            raise CannotShow(f"attention: export {self.name} has no signature attention")
        inputs = {"latents": tf.constant(latents)}
        if self.num_classes is not None:
            inputs["labels"] = tf.constant(labels, tf.int32)
        outputs = self._signatures["attention"](**inputs)
        images = sampling.to_uint8(outputs["images"]).numpy()
        return images, *attention.choose(outputs["attention_maps"].numpy(), points)


def open_subject(run_dir=None, export_dir=None, pretrained=None):
    """The subject that exactly one argument names.

    Args:
        run_dir: what `train/main.py --run_dir` wrote.
        export_dir: what `export/main.py --export_dir` wrote.
        pretrained: name of weights that come with the package.

    Raises:
        ConfigError: none, or several, are given.
        UserError: nothing usable is there.
    """
    given = {"run_dir": run_dir, "export_dir": export_dir, "pretrained": pretrained}
    names = [name for name, value in given.items() if value]
    if len(names) != 1:
        wanted = "one of --run_dir, --export_dir and --pretrained"
        raise ConfigError("source", " and ".join(names) or None, wanted)
    if export_dir:
        return ExportSubject(export_dir)
    if run_dir:
        config = run_directory.load(run_dir).config
        return ModelSubject(checkpoints.load(run_dir), config, run_dir)
    origin = weights.load_origin(pretrained)
    return ModelSubject(origin.model, ExperimentConfig(**origin.config), pretrained)
