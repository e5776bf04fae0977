"""Kernel distance between two sets of features: KID.

The metric keeps the features of single images, from which it takes random subsets.
"""

from __future__ import annotations

import warnings

import numpy as np

from sagan_tf.errors import EvaluationError
from sagan_tf.evaluation.metrics.metric import EvaluationWarning, Measurement, Metric, Score
from sagan_tf.evaluation.moments import check_features

_PROTOCOL = {"subsets": 100, "subset_size": 1000, "seed": 2020}


def kernel_distance(real, fake, subsets=100, subset_size=1000, seed=2020):
    """Computes the squared maximum mean discrepancy under a cubic kernel.

    `E k(x, x') + E k(y, y') - 2 E k(x, y)` with `k(x, y) = (x.y / d + 1)^3` (Binkowski et al.,
    arXiv:1801.01401). With Inception's features it is the KID. The estimate is unbiased for any
    number of images, so it can be slightly negative. The subsets, their size, their seed and
    their order of sampling are torch-fidelity's defaults.

    Args:
        real: features of real images (n, d), n >= 2.
        fake: features of fake images (m, d), m >= 2.
        subsets: how many pairs of subsets to average over.
        subset_size: images in a subset. If the smaller set has fewer images, the subset is all of
            them, and the function warns (`EvaluationWarning`).
        seed: int, of the subsets.

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
        # torch-fidelity samples from its first input, the generated images, first.
        fake_subset = fake[rng.choice(len(fake), subset_size, replace=False)]
        real_subset = real[rng.choice(len(real), subset_size, replace=False)]
        distances.append(_squared_mmd(fake_subset, real_subset))
    return Score(float(np.mean(distances)), float(np.std(distances)))


def _squared_mmd(a, b):
    """Returns the unbiased estimate, without pairs of an image with itself."""
    return _mean_of_pairs(a) + _mean_of_pairs(b) - 2.0 * _cubic(a, b).mean()


def _mean_of_pairs(a):
    kernel = _cubic(a, a)
    return (kernel.sum() - np.trace(kernel)) / (len(a) * (len(a) - 1))


def _cubic(a, b):
    kernel = a @ b.T / a.shape[1] + 1.0
    return kernel * kernel * kernel  # ten times as fast as `** 3`


def _measure(real, fake):
    features = real.kept("features"), fake.kept("features")
    subset_size = min(_PROTOCOL["subset_size"], *map(len, features))
    score = kernel_distance(*features, **_PROTOCOL)
    return [Measurement("kid", *score, {**_PROTOCOL, "subset_size": subset_size})]


KID = Metric("kid", _measure, keeps=("features",), titles={"kid": "KID"})
