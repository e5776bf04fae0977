"""Distances and scores from NumPy arrays of features or logits, all in float64."""

from __future__ import annotations

import warnings
from typing import NamedTuple

import numpy as np
from scipy.special import log_softmax, logsumexp

from sagan_tf.errors import EvaluationError
from sagan_tf.evaluation.moments import Moments, check_features


class EvaluationWarning(UserWarning):
    """A score was computed, but means less than it seems to; the message says why."""


class Score(NamedTuple):
    """A score and its spread: the standard deviation over subsets, splits or classes."""

    value: float
    spread: float


class ClassScores(NamedTuple):
    """The mean of a score over classes, its deviation, and the score of each class by label."""

    value: float
    spread: float
    per_class: dict


def frechet_distance(real, fake):
    """Frechet distance between Gaussians fitted to two sets of features: FID, for Inception's.

    `|m1 - m2|^2 + Tr(C1 + C2 - 2 (C1 C2)^(1/2))` (Heusel et al., arXiv:1706.08500), with unbiased
    covariances. The trace of the root is the sum of the singular values of `F1^T F2`, where
    `C = F F^T` and F has no more columns than C's rank: exact for singular covariances too,
    without the usual small number on the diagonal. The estimate is biased
    upwards by few images, so compare scores of equal numbers only.

    Args:
        real: features of real images (n, d) with n >= 2, or `Moments` of them.
        fake: the same of fake images; their number may be another.

    Returns:
        The distance, a float >= 0. Warns (`EvaluationWarning`) of a singular covariance.

    Raises:
        EvaluationError: wrong shapes, too few images, or features that are not finite.
    """
    real, fake = Moments.of(real, "real features"), Moments.of(fake, "fake features")
    distance, ranks = _frechet(real, fake)
    for moments, rank in zip((real, fake), ranks):
        if rank < moments.dimension:
            warnings.warn(
                f"{moments.name}: the covariance of {moments.count} images is singular, of rank "
                f"{rank} of {moments.dimension}; the distance is exact for it, but with fewer "
                "images than features it says little",
                EvaluationWarning,
                stacklevel=2,
            )
    return distance


def _frechet(real, fake):
    real._check_dimension(fake.dimension)
    covariances = real.covariance, fake.covariance
    factors = [_factor(covariance) for covariance in covariances]
    ranks = [factor.shape[1] for factor in factors]
    overlap = _nuclear_norm(factors[0].T @ factors[1])
    traces = sum(np.trace(covariance) for covariance in covariances)
    distance = np.sum((real.mean - fake.mean) ** 2) + traces - 2.0 * overlap
    return max(float(distance), 0.0), ranks


def _nuclear_norm(matrix):
    """The sum of the singular values.

    From the eigenvalues of the smaller Gram matrix: ten times as fast as a decomposition into
    singular values when other programs want the processor too, and as good for a sum.
    """
    if min(matrix.shape) == 0:  # a set of equal images has rank 0
        return 0.0
    wide = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T
    return np.sqrt(np.maximum(np.linalg.eigvalsh(wide @ wide.T), 0.0)).sum()


def _factor(covariance):
    """F (d, rank) with `F F^T = covariance`."""
    rounding = len(covariance) * np.finfo(np.float64).eps
    try:
        triangle = np.linalg.cholesky(covariance)
        pivots = np.diag(triangle) ** 2
        if pivots.min() > rounding * pivots.max():
            return triangle
    except np.linalg.LinAlgError:
        pass  # singular: the eigenvalues, which take longer, say how much
    values, vectors = np.linalg.eigh(covariance)
    kept = values > rounding * max(values[-1], 0.0)
    return vectors[:, kept] * np.sqrt(values[kept])


def intra_class_frechet_distance(real, real_labels, fake, fake_labels):
    """Mean over classes of the Frechet distance within each class.

    The intra FID of Miyato & Koyama (arXiv:1802.05637): it sees what FID overlooks, a class that
    is drawn as another one or always the same way.

    Args:
        real: features of real images (n, d).
        real_labels: their classes, integers (n,).
        fake: features of fake images (m, d).
        fake_labels: their classes, integers (m,).

    Returns:
        `ClassScores`: mean, deviation over classes, and the distance of each class. Warns
        (`EvaluationWarning`) if a class has no more images than features.

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
        distances[int(label)] = _frechet(*(Moments.of(s, f"class {label}") for s in sets))[0]
    if smallest <= real.shape[1]:
        warnings.warn(
            f"a class has only {smallest} images for {real.shape[1]} features: intra-class "
            "distances are biased",
            EvaluationWarning,
            stacklevel=2,
        )
    values = list(distances.values())
    return ClassScores(float(np.mean(values)), float(np.std(values)), distances)


def kernel_distance(real, fake, subsets=100, subset_size=1000, seed=2020):
    """Squared maximum mean discrepancy under a cubic kernel: KID, for Inception's features.

    Binkowski et al., arXiv:1801.01401: kernel `(x.y / d + 1)^3`, unbiased, so it can be a little
    below 0, and it does not depend on the number of images as FID does. Subsets, their size,
    their seed and the way they are drawn are torch-fidelity's defaults.

    Args:
        real: features of real images (n, d), n >= 2.
        fake: features of fake images (m, d), m >= 2.
        subsets: how many pairs of subsets to average over.
        subset_size: images in a subset; all of the smaller set, with a warning, if it has fewer.
        seed: of the drawing.

    Returns:
        `Score`: mean and standard deviation over the subsets.

    Raises:
        EvaluationError: wrong shapes, too few images, or features that are not finite.
    """
    real, fake = check_features(real, "real features"), check_features(fake, "fake features")
    if real.shape[1] != fake.shape[1]:
        raise EvaluationError(
            f"real features of {real.shape[1]} numbers do not go with fake ones of {fake.shape[1]}"
        )
    available = min(len(real), len(fake))
    if available < subset_size:
        warnings.warn(
            f"KID's subsets hold {available} images, not {subset_size}: there are no more",
            EvaluationWarning,
            stacklevel=2,
        )
        subset_size = available
    if subset_size < 2:
        raise EvaluationError(f"subset_size={subset_size} is too few for KID; at least 2 needed")
    rng = np.random.RandomState(seed)
    distances = []
    for _ in range(subsets):
        # Fake first: torch-fidelity draws its first input, the generated images, first.
        fake_subset = fake[rng.choice(len(fake), subset_size, replace=False)]
        real_subset = real[rng.choice(len(real), subset_size, replace=False)]
        distances.append(_squared_mmd(fake_subset, real_subset))
    return Score(float(np.mean(distances)), float(np.std(distances)))


def _squared_mmd(a, b):
    """The unbiased estimate: an image is not compared with itself."""
    return _mean_of_pairs(a) + _mean_of_pairs(b) - 2.0 * _cubic(a, b).mean()


def _mean_of_pairs(a):
    kernel = _cubic(a, a)
    return (kernel.sum() - np.trace(kernel)) / (len(a) * (len(a) - 1))


def _cubic(a, b):
    kernel = a @ b.T / a.shape[1] + 1.0
    return kernel * kernel * kernel  # ten times as fast as `** 3`


def inception_score(logits, splits=10, seed=2020):
    """Inception Score: how sure the classes of single images are, and how varied those of all.

    `exp(E KL(p(y|x) || p(y)))` (Salimans et al., arXiv:1606.03498), the mean over splits. Splits,
    shuffling and seed are torch-fidelity's defaults.

    Args:
        logits: of the classifier (n, classes), before the softmax.
        splits: number of parts, from 1 to n.
        seed: of the shuffling before the split; None leaves the order.

    Returns:
        `Score`: mean and standard deviation over the splits; from 1 to the number of classes.

    Raises:
        EvaluationError: wrong shapes, more splits than images, or logits that are not finite.
    """
    logits = check_features(logits, "logits")
    if not 1 <= splits <= len(logits):
        raise EvaluationError(f"splits={splits} is not allowed; it must be from 1 to {len(logits)}")
    if seed is not None:
        logits = logits[np.random.RandomState(seed).permutation(len(logits))]
    log_p = log_softmax(logits, axis=1)
    bounds = [i * len(logits) // splits for i in range(splits + 1)]
    scores = [_split_score(log_p[start:end]) for start, end in zip(bounds, bounds[1:])]
    return Score(float(np.mean(scores)), float(np.std(scores)))


def _split_score(log_p):
    log_marginal = logsumexp(log_p, axis=0) - np.log(len(log_p))
    return np.exp(np.mean(np.sum(np.exp(log_p) * (log_p - log_marginal), axis=1)))
