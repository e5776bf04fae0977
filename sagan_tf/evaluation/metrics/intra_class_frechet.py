"""Frechet distance within each class: intra FID.

The metric keeps the features and the labels of all real images: with Inception, 8 KB for each.
Generated images get a pass of their own, with equally many of each class.
"""

from __future__ import annotations

import warnings
from typing import NamedTuple

import numpy as np

from sagan_tf.errors import EvaluationError
from sagan_tf.evaluation.metrics.frechet import distance_and_ranks
from sagan_tf.evaluation.metrics.metric import EvaluationWarning, Measurement, Metric
from sagan_tf.evaluation.moments import Moments, check_features


class ClassScores(NamedTuple):
    """The mean of a score over classes, its deviation, and the score of each class by label."""

    value: float
    spread: float
    per_class: dict


def intra_class_frechet_distance(real, real_labels, fake, fake_labels):
    """Computes the mean over classes of the Frechet distance within each class.

    `mean_c FID({x: y = c})`, the intra FID of Miyato & Koyama (arXiv:1802.05637). It detects two
    faults that FID misses: images of a wrong class, and a class without variety.

    Args:
        real: features of real images (n, d).
        real_labels: their classes, integers (n,).
        fake: features of fake images (m, d).
        fake_labels: their classes, integers (m,).

    Returns:
        `ClassScores`: mean, deviation over classes, and the distance of each class. Warns
        (`EvaluationWarning`) if the number of images in a class is not above that of features.

    Raises:
        EvaluationError: the two sets have different classes, or a class has a single image.
    """
    real, fake = check_features(real, "real features"), check_features(fake, "fake features")
    real_labels, fake_labels = np.asarray(real_labels), np.asarray(fake_labels)
    classes = np.unique(real_labels)
    if not np.array_equal(classes, np.unique(fake_labels)):
        raise EvaluationError(
            f"the real images have {len(classes)} classes and the fake ones "
            f"{len(np.unique(fake_labels))}; both must have the same labels"
        )
    distances, smallest = {}, len(real)
    for label in classes:
        sets = (real[real_labels == label], fake[fake_labels == label])
        smallest = min(smallest, *map(len, sets))
        moments = (Moments.of(features, f"class {label}") for features in sets)
        distances[int(label)], _ = distance_and_ranks(*moments)
    if smallest <= real.shape[1]:
        warnings.warn(
            f"a class has only {smallest} images for {real.shape[1]} features: intra-class "
            "distances are biased",
            EvaluationWarning,
            stacklevel=2,
        )
    values = list(distances.values())
    return ClassScores(float(np.mean(values)), float(np.std(values)), distances)


def _measure(real, fake):
    score = intra_class_frechet_distance(
        real.kept("all_features"),
        real.kept("all_labels"),
        fake.kept("all_features"),
        fake.kept("all_labels"),
    )
    protocol = {"per_class": score.per_class}
    return [Measurement("intra_fid", score.value, score.spread, protocol)]


INTRA_FID = Metric(
    "intra_fid",
    _measure,
    per_class=True,
    titles={"intra_fid": "intra-class FID"},
)
