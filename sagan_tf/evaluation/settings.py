"""The configuration of an evaluation, and the `Evaluator` that it makes."""

from __future__ import annotations

import dataclasses

import tensorflow as tf

from sagan_tf.evaluation import fashion_classifier, inception
from sagan_tf.evaluation.evaluator import Evaluator
from sagan_tf.evaluation.features import load_network
from sagan_tf.evaluation.generated import SamplingConfig


@dataclasses.dataclass(frozen=True)
class EvaluationConfig:
    """Which metrics, images and feature network an evaluation uses.

    Args:
        metrics: of `evaluator.METRICS`; None is all that make sense for the network.
        num_samples: images to score; None is 50,000, or all that a folder has.
        num_real: real images, chosen at random; None is all.
        batch_size: images of one replica at a time.
        feature_network: "inception", "garments", or a path for `features.load_network`; None is
            garments for the bundled images and inception for all others.
        inception_path: see `inception.load`.
        inception_sha256: see `inception.load`.
        cache_dir: of the real statistics; None does not cache.
        sampling: `SamplingConfig`: how images are generated.
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
            dataset: the `dataset` setting behind the images, or None.
            has_labels: whether the images to score have classes.
            available: images to score if `num_samples` is None.
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
