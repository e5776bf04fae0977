"""Precision, recall, density and coverage, from the nearest neighbours of each image.

The metric keeps the features of single images. It compares each image with all others.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sagan_tf.errors import EvaluationError
from sagan_tf.evaluation.metrics.metric import Measurement, Metric
from sagan_tf.evaluation.moments import check_features

# Distances held at once: 64 MiB of float64.
_BLOCK = 2**23


class PrecisionRecall(NamedTuple):
    """Precision and recall, shares in [0, 1] of the fake and of the real images."""

    precision: float
    recall: float


class DensityCoverage(NamedTuple):
    """Density, which can exceed 1, and coverage, a share in [0, 1] of the real images."""

    density: float
    coverage: float


class _Balls(NamedTuple):
    """Images that lie in balls; a ball reaches from an image to its k-th neighbour."""

    real_balls_around_fake: np.ndarray  # (fake,): how many real balls hold each fake image
    real_in_fake_balls: np.ndarray  # (real,): whether some fake ball holds each real image
    fake_in_real_ball: np.ndarray  # (real,): whether each real ball holds some fake image


def precision_recall(real, fake, k=3):
    """Computes improved precision and recall (Kynkaanniemi et al., arXiv:1904.06991).

    `precision = mean_j [some i: |y_j - x_i| < r_i]` for real features x and fake features y, where
    `r_i` is the distance from `x_i` to its k-th neighbour among the x. Recall is the precision
    with x and y exchanged. As in the `prdc` package, an image on the surface of a ball is outside
    it. So balls of radius 0, around copies of one image, are empty.

    Args:
        real: features of real images (n, d), n > k.
        fake: features of fake images (m, d), m > k.
        k: which neighbour; the paper's 3.

    Returns:
        `PrecisionRecall`.

    Raises:
        EvaluationError: wrong shapes, no more images than `k`, or features that are not finite.
    """
    balls = _balls(real, fake, k)
    return PrecisionRecall(
        float(np.mean(balls.real_balls_around_fake > 0)), float(np.mean(balls.real_in_fake_balls))
    )


def density_coverage(real, fake, k=5):
    """Computes density and coverage (Naeem et al., arXiv:2002.09797).

    `density = 1/k mean_j sum_i [|y_j - x_i| < r_i]` and
    `coverage = mean_i [some j: |y_j - x_i| < r_i]` for real features x and fake features y. Here
    `r_i` is the distance from `x_i` to its k-th neighbour among the x. Outliers change them less
    than they change precision and recall.

    Args:
        real: features of real images (n, d), n > k.
        fake: features of fake images (m, d), m > k.
        k: which neighbour; the paper's 5.

    Returns:
        `DensityCoverage`.

    Raises:
        EvaluationError: wrong shapes, no more images than `k`, or features that are not finite.
    """
    balls = _balls(real, fake, k)
    return DensityCoverage(
        float(np.mean(balls.real_balls_around_fake)) / k, float(np.mean(balls.fake_in_real_ball))
    )


def _balls(real, fake, k):
    real, fake = check_features(real, "real features"), check_features(fake, "fake features")
    if real.shape[1] != fake.shape[1]:
        raise EvaluationError(
            f"real features of {real.shape[1]} numbers do not go with fake ones of {fake.shape[1]}"
        )
    if not 1 <= k < min(len(real), len(fake)):
        raise EvaluationError(
            f"k={k} is not allowed with {len(real)} real and {len(fake)} fake images; it must be "
            "at least 1 and below both"
        )
    # A common shift makes rounding errors smaller; a shift by integers keeps exact ties exact.
    center = np.rint(real.mean(axis=0))
    real, fake = real - center, fake - center
    real_radii, fake_radii = _radii(real, k), _radii(fake, k)
    around_fake, in_fake, holds_fake = np.zeros(len(fake)), [], []
    for start, distances in _distance_blocks(real, fake):
        inside = distances < real_radii[start : start + len(distances), None]
        around_fake += inside.sum(axis=0)
        holds_fake.append(inside.any(axis=1))
        in_fake.append((distances < fake_radii).any(axis=1))
    return _Balls(around_fake, np.concatenate(in_fake), np.concatenate(holds_fake))


def _radii(features, k):
    """Returns the squared distance from each to its k-th neighbour, (n,); the 0-th is itself."""
    blocks = _distance_blocks(features, features)
    return np.concatenate([np.partition(block, k, axis=1)[:, k] for _, block in blocks])


def _distance_blocks(rows, columns):
    """Yields (first row, squared distances from some rows to all columns)."""
    columns_squared = np.sum(columns**2, axis=1)
    size = max(1, _BLOCK // len(columns))
    for start in range(0, len(rows), size):
        block = rows[start : start + size]
        squares = np.sum(block**2, axis=1)[:, None] + columns_squared
        distances = squares - 2.0 * block @ columns.T
        # Equal vectors have a distance of 0, but rounding gives a small number.
        rounding = 4 * np.finfo(np.float64).eps * rows.shape[1] ** 0.5
        distances[distances < rounding * squares] = 0.0
        yield start, distances


def _measure(real, fake):
    features = real.kept("features"), fake.kept("features")
    precision, recall = precision_recall(*features, k=3)
    density, coverage = density_coverage(*features, k=5)
    return [
        Measurement("precision", precision, protocol={"k": 3}),
        Measurement("recall", recall, protocol={"k": 3}),
        Measurement("density", density, protocol={"k": 5}),
        Measurement("coverage", coverage, protocol={"k": 5}),
    ]


PRDC = Metric("prdc", _measure, keeps=("features",))
