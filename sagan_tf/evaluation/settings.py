"""Settings of an evaluation: metrics, numbers of images, feature network, sampling."""

from __future__ import annotations

import dataclasses

import numpy as np
import tensorflow as tf

from sagan_tf import sampling
from sagan_tf.errors import ConfigError, EvaluationError
from sagan_tf.evaluation import fashion_classifier, inception
from sagan_tf.evaluation.evaluator import Evaluator
from sagan_tf.evaluation.features import load_network

BATCH_NORM_MODES = ("moving", "standing", "batch")
LABEL_SHARES = ("data", "equal")
BALANCED = "equally many of each class"


@dataclasses.dataclass(frozen=True)
class SamplingConfig:
    """Settings of the images that are generated for scores.

    Image i depends on the seed, on i, and on the shares of the labels. It depends on batch size
    and devices only with `batch_norm="batch"`.

    Args:
        ema: whether to use the averaged weights or the raw ones.
        seed: int, of the latents.
        truncation: deviation of the latents, in (0, 1].
        batch_norm: source of the statistics that normalize. "moving" takes those of training.
            "standing" takes averages over batches generated for this purpose (arXiv:1809.11096,
            section 4.1). "batch" takes those of each batch that is scored, over all devices.
        standing_batches: number of batches for "standing".
        standing_batch_size: number of images in each of them.
        label_shares: "data" gives each class its share of the real images. "equal" gives all
            classes an equal share.

    Raises:
        ConfigError: a value that is not allowed.
    """

    ema: bool = True
    seed: int = 0
    truncation: float = 1.0
    batch_norm: str = "moving"
    standing_batches: int = 100
    standing_batch_size: int = 64
    label_shares: str = "data"

    def __post_init__(self):
        for name, allowed in (("batch_norm", BATCH_NORM_MODES), ("label_shares", LABEL_SHARES)):
            if getattr(self, name) not in allowed:
                raise ConfigError(name, getattr(self, name), f"one of {', '.join(allowed)}")
        if not 0.0 < self.truncation <= 1.0:
            raise ConfigError("truncation", self.truncation, "in (0, 1]")
        for name in ("standing_batches", "standing_batch_size"):
            if getattr(self, name) < 1:
                raise ConfigError(name, getattr(self, name), "a whole number above 0")

    def class_weights(self, label_counts, num_classes):
        """Returns integers (num_classes,) to which label frequencies are proportional.

        Args:
            label_counts: {label: number of real images}, or None if they have no classes.
            num_classes: of the generator, or None.

        Returns:
            None for equal shares.

        Raises:
            EvaluationError: the real images have a label that the generator does not know.
        """
        if self.label_shares == "equal" or num_classes is None or label_counts is None:
            return None
        unknown = [label for label in label_counts if not 0 <= label < num_classes]
        if unknown:
            raise EvaluationError(
                f"the real images have the label {unknown[0]}, but the generator has only "
                f"{num_classes} classes; score it with label_shares=equal"
            )
        weights = np.array([label_counts.get(label, 0) for label in range(num_classes)], np.int64)
        return None if np.all(weights == weights[0]) else weights

    def provenance(self, weights=None):
        """Returns the settings for records of scores: a dict of JSON values.

        Args:
            weights: from `class_weights`. Records of equal shares do not name the shares, as in
                earlier versions, which knew no others.
        """
        settings = dataclasses.asdict(self)
        del settings["label_shares"]
        if self.batch_norm != "standing":
            del settings["standing_batches"], settings["standing_batch_size"]
        return settings if weights is None else {**settings, "labels": "the data's shares"}

    def inputs(self, count, latent_dim, num_classes, weights=None):
        """Returns float32 latents (count, latent_dim) and int32 labels (count,).

        Args:
            count: number of images.
            latent_dim: of the generator.
            num_classes: of the generator, or None.
            weights: from `class_weights`; None gives the labels 0, 1, 2, ... in turn.
        """
        latents = sampling.latents(self.seed, count, latent_dim, self.truncation).numpy()
        if weights is None:
            return latents, np.arange(count, dtype=np.int32) % (num_classes or 1)
        return latents, labels_in_shares(weights, count)


def labels_in_shares(weights, count):
    """Returns labels whose frequencies are proportional to weights, int32 (count,).

    Label i is the class that is furthest behind its share of i + 1 images. So the first n labels
    are in these shares too, within one image, and equal weights give 0, 1, 2, ... in turn.

    Args:
        weights: integers (num_classes,), at least 0, not all 0.
        count: number of labels.
    """
    behind, labels, total = np.zeros(len(weights), np.int64), [], weights.sum()
    for _ in range(count):
        behind += weights
        labels.append(np.argmax(behind))
        behind[labels[-1]] -= total
    return np.array(labels, np.int32)


@dataclasses.dataclass(frozen=True)
class EvaluationConfig:
    """Settings of an evaluation: metrics, numbers of images, feature network, sampling.

    Args:
        metrics: of `metrics.REGISTRY`; None is the usual ones, and accuracy for garments.
        num_samples: number of images to score; None is 50,000, or all images of a folder.
        num_real: number of real images, chosen at random; None is all.
        batch_size: number of images in a batch of one replica.
        feature_network: "inception", "garments", or a path for `features.load_network`; None is
            garments for the bundled images and inception for all others.
        inception_path: see `inception.load`.
        inception_sha256: see `inception.load`.
        cache_dir: directory of cached real statistics; None does not cache.
        sampling: `SamplingConfig` of generated images.
        progress: whether to show progress bars on a terminal.
    """

    metrics: tuple | None = None
    num_samples: int | None = None
    num_real: int | None = None
    batch_size: int = 64
    feature_network: str | None = None
    inception_path: str | None = None
    inception_sha256: str | None = None
    cache_dir: str | None = None
    sampling: SamplingConfig = dataclasses.field(default_factory=SamplingConfig)
    progress: bool = False

    def evaluator(self, real, dataset, has_labels, available=50_000, strategy=None):
        """Makes an `Evaluator` with this configuration.

        Args:
            real: `RealImages`.
            dataset: the `dataset` setting of the real images, or None.
            has_labels: whether the images to score have classes.
            available: number of images to score if `num_samples` is None.
            strategy: `tf.distribute.Strategy`; None is the current one.
        """
        strategy = strategy or tf.distribute.get_strategy()
        with strategy.scope():
            network = self._network(dataset)
        return Evaluator(
            real,
            network,
            self.metrics or _default_metrics(network, has_labels),
            self.num_samples or available,
            self.num_real,
            self.batch_size,
            strategy,
            self.cache_dir,
            self.progress,
        )

    def _network(self, dataset):
        default = "garments" if dataset == "bundled" else "inception"
        name = self.feature_network or ("inception" if self.inception_path else default)
        if name == fashion_classifier.NAME:
            return fashion_classifier.load()
        if name == "inception":
            return inception.load(self.inception_path, self.inception_sha256)
        return load_network(name)


def _default_metrics(network, has_labels):
    usual = ("fid", "is", "kid", "prdc")
    return (*usual, "accuracy") if network.name == fashion_classifier.NAME and has_labels else usual
