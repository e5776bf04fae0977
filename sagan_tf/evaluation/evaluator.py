"""Evaluator: scores of image sets against real images, with all that each score depends on."""

from __future__ import annotations

import functools
import warnings

import numpy as np

from sagan_tf import hashing
from sagan_tf.errors import ConfigError, EvaluationError
from sagan_tf.evaluation import feature_statistics, metrics
from sagan_tf.evaluation.feature_statistics import Extractor, FeatureStatistics
from sagan_tf.runs import scores

_OF_ALL = ("all_features", "all_labels")  # arrays of single images for metrics of each class


class Evaluator:
    """Scores image sets (of checkpoints, exports, folders) against one set of real images.

    The statistics of the real images are computed once. The key of their cache on disk holds all
    that they depend on. Each score is a dict of JSON values with its whole provenance.

    Args:
        real: `RealImages`.
        network: `FeatureNetwork`.
        metric_names: of `metrics.REGISTRY`, in the order wanted.
        num_samples: number of images to score in each set, at least 2.
        num_real: number of real images, chosen at random; None is all.
        batch_size: number of images in a batch of one replica.
        strategy: `tf.distribute.Strategy`; None is the current one.
        cache_dir: directory of cached real statistics; None keeps them in memory only.
        progress: whether to show progress bars on a terminal.

    Raises:
        EvaluationError: the network or a metric does not fit the images.
        ConfigError: an unknown metric, or a number that is not allowed.
    """

    def __init__(
        self,
        real,
        network,
        metric_names=("fid",),
        num_samples=50_000,
        num_real=None,
        batch_size=64,
        strategy=None,
        cache_dir=None,
        progress=False,
    ):
        for name in metric_names:
            if name not in metrics.REGISTRY:
                raise ConfigError("metrics", name, f"of {', '.join(metrics.REGISTRY)}")
        for name, value, low in (("num_samples", num_samples, 2), ("batch_size", batch_size, 1)):
            if value < low:
                raise ConfigError(name, value, f"at least {low}")
        self._metrics = [metrics.REGISTRY[name] for name in metric_names]
        for metric in self._metrics:
            if metric.network not in (None, network.name):
                raise EvaluationError(
                    f"metric {metric.name} needs the feature network {metric.network!r}, not "
                    f"{network.name!r}"
                )
            if metric.per_class and not real.has_labels:
                raise EvaluationError(
                    f"metric {metric.name} needs classes, and the real images have none"
                )
        network.check_images(real.image_shape)
        self.real, self.network = real, network
        self.metric_names, self.num_samples = tuple(metric_names), num_samples
        self.num_real = real.num_images if num_real is None else num_real
        if not 2 <= self.num_real <= real.num_images:
            raise ConfigError(
                "num_real", num_real, f"from 2 to {real.num_images}, the images there"
            )
        self.batch_size = batch_size
        self._cache_dir = cache_dir
        self._extractor = Extractor(network, batch_size, strategy, progress)

    @property
    def _kept(self):
        """The arrays of single images that the metrics read."""
        return {what for metric in self._metrics for what in metric.keeps}

    @functools.cached_property
    def _real_key(self):
        """The settings that the statistics of the real images depend on."""
        return {
            **self.real.provenance,
            "fingerprint": self.real.fingerprint(),
            "image_shape": list(self.real.image_shape),
            "num_images": self.num_real,
            "network": self.network.sha256,
            "preprocessing": self.network.preprocessing,
        }

    @functools.cached_property
    def real_statistics(self):
        """The `FeatureStatistics` of the real images, from the cache if it has them."""
        kept = sorted(self._kept - {"logits"})
        keep = min(self.num_real, self.num_samples) if kept else 0
        if any(metric.per_class for metric in self._metrics):
            kept = [*kept, *_OF_ALL]
        key = {**self._real_key, "kept": kept, "keep": keep}

        def compute():
            empty = FeatureStatistics(self.num_real, kept, keep, "real images")
            found = self._extractor.fill(empty, self.real)
            if self.num_real < self.real.num_images:
                found.label_counts = self.real.label_counts()
            return found

        return feature_statistics.cached(key, compute, self._cache_dir)

    @property
    def label_counts(self):
        """{label: number of images} of all real images; None if they have no classes."""
        return self.real_statistics.label_counts if self.real.has_labels else None

    def settings_sha256(self, **provenance):
        """Returns the SHA-256 of all that scores depend on, except weights.

        Scores compare only if it is equal.

        Args:
            **provenance: JSON values of the images to score, such as `SamplingConfig.provenance()`.
        """
        return hashing.settings_sha256(
            {
                "real": self._real_key,
                "samples": self.num_samples,
                "batch_size": self.batch_size,
                **provenance,
            }
        )

    def real_vs_real_fid(self):
        """Computes the FID between two halves of the real images: a perfect generator's score."""
        halves = self.real_statistics.halves
        scores, notes = _noting_warnings(metrics.measure_real_vs_real, *halves)
        return self._record(*scores[0], self.num_real // 2, notes, {})

    def score(self, image_set, **provenance):
        """Scores one set of images.

        Args:
            image_set: `ImageSet`.
            **provenance: more JSON values for each record, such as the step; not hashed.

        Returns:
            A list of dicts, one for each `Measurement`.

        Raises:
            EvaluationError: the images differ in size from the real ones, are too few, or have
                features that are not finite.
        """
        self._check(image_set)
        result = []
        for per_class in (False, True):
            chosen = [metric for metric in self._metrics if metric.per_class == per_class]
            if chosen:
                result += self._measure(chosen, *self._scored(image_set, per_class), provenance)
        # The records follow the order of the metrics, not the order of the passes.
        return [record for name in self.metric_names for metric, record in result if metric == name]

    def _scored(self, image_set, per_class):
        """Returns the image set of a pass, the number of its images, and the arrays to keep."""
        if not per_class:
            return image_set, self.num_samples, self._kept
        classes = np.unique(self.real_statistics.kept("all_labels")).tolist()
        balanced = image_set.balanced(classes)
        if balanced is image_set:
            return image_set, self.num_samples, _OF_ALL
        in_each = self.num_samples // len(classes)
        if in_each < 2:
            wanted = f"at least {2 * len(classes)} for intra_fid, 2 of each class"
            raise ConfigError("num_samples", self.num_samples, wanted)
        return balanced, in_each * len(classes), _OF_ALL

    def _measure(self, chosen, image_set, count, kept, provenance):
        """Extracts the features of an image set; returns (metric's name, record) of each score."""
        fake = self._extractor.fill(FeatureStatistics(count, kept, name="scored images"), image_set)
        provenance = {
            **image_set.provenance,
            "settings_sha256": self.settings_sha256(**image_set.provenance),
            **provenance,
        }
        few = []
        if count < metrics.MIN_SAMPLES:
            few = [f"only {count} images were scored; published scores use 50,000"]
        result = []
        for metric in chosen:
            scores, notes = _noting_warnings(metric.measure, self.real_statistics, fake)
            for score in scores:
                record = self._record(*score, count, few + notes, provenance)
                result.append((metric.name, record))
        return result

    def _check(self, image_set):
        if tuple(image_set.image_shape) != tuple(self.real.image_shape):
            raise EvaluationError(
                f"the images to score are {tuple(image_set.image_shape)} (height, width, "
                f"channels), the real ones {tuple(self.real.image_shape)}; both must be alike"
            )
        for metric in self._metrics:
            if metric.needs_labels and not image_set.has_labels:
                raise EvaluationError(
                    f"metric {metric.name} needs classes, and these images have none"
                )
        available = image_set.num_images
        if available is not None and available < self.num_samples:
            raise ConfigError(
                "num_samples", self.num_samples, f"at most {available}, all there are"
            )

    def _record(self, metric, value, spread, protocol, samples, notes, provenance):
        height, width, channels = self.real.image_shape
        return {
            "metric": metric,
            "value": float(value),
            "spread": None if spread is None else float(spread),
            "title": metrics.title(metric, samples, self.network),
            "samples": samples,
            "real": {**self.real.provenance, "num_images": self.num_real},
            "resolution": height if height == width else [height, width],
            "channels": channels,
            "preprocessing": self.network.preprocessing,
            "feature_network": self.network.name,
            "feature_network_sha256": self.network.sha256,
            "comparable": self.network.comparable,
            "protocol": protocol,
            "batch_size": self.batch_size,
            **provenance,
            "warnings": notes,
            "versions": scores.versions(),
        }


def _noting_warnings(measure, *statistics):
    """Returns the scores that `measure` returns, and the texts of its warnings."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        scores = measure(*statistics)
    return scores, [str(warning.message) for warning in caught]
