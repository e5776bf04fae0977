"""FID against closed forms; the oracles compare it with other implementations."""

import numpy as np
import pytest

from sagan_tf.errors import EvaluationError
from sagan_tf.evaluation import Moments, frechet_distance
from sagan_tf.evaluation.metrics import EvaluationWarning
from tests.evaluation.metrics.gaussians import gaussian


def exact_gaussian(mean, deviations):
    """Features whose sample mean and (diagonal) covariance are exactly these."""
    count = len(mean)
    basis = np.linalg.qr(np.vstack([np.ones(2 * count), gaussian(2 * count - 1, 2 * count, 0)]).T)
    directions = basis[0][:, 1 : count + 1]  # orthonormal and of mean 0
    return mean + directions * np.sqrt(2 * count - 1) * deviations


def test_frechet_distance_has_the_closed_form_of_gaussians():
    means, deviations = (
        np.array([[1.0, -2.0, 0.5], [0.0, 1.0, 3.0]]),
        np.array([[1, 2, 3], [4, 2, 1]]),
    )
    features = [exact_gaussian(m, s) for m, s in zip(means, deviations)]
    expected = np.sum((means[0] - means[1]) ** 2) + np.sum((deviations[0] - deviations[1]) ** 2)
    assert frechet_distance(*features) == pytest.approx(expected, rel=1e-12)


def test_frechet_distance_of_shifted_sets_is_the_shift():
    features = gaussian(500, 20, 0)
    assert frechet_distance(features, features + 0.5) == pytest.approx(20 * 0.25, rel=1e-12)


@pytest.mark.parametrize("count", [10, 500], ids=["singular", "regular"])
@pytest.mark.filterwarnings("ignore::sagan_tf.evaluation.metrics.EvaluationWarning")
def test_frechet_distance_of_identical_sets_is_zero(count):
    features = gaussian(count, 20, 0, scale=100.0)
    assert frechet_distance(features, features[::-1]) == pytest.approx(0.0, abs=1e-8)


def test_frechet_distance_is_exact_for_singular_covariances():
    # Few images: the nuclear norm of the product of the centred data is Tr (C1 C2)^(1/2).
    real, fake = gaussian(8, 40, 0), gaussian(6, 40, 1, scale=2.0, shift=0.3)
    centered = [x - x.mean(axis=0) for x in (real, fake)]
    overlap = np.linalg.svd(centered[0] @ centered[1].T, compute_uv=False).sum() / np.sqrt(7 * 5)
    traces = sum(np.cov(x, rowvar=False).trace() for x in (real, fake))
    expected = np.sum((real.mean(0) - fake.mean(0)) ** 2) + traces - 2 * overlap
    with pytest.warns(EvaluationWarning, match="rank [57] of 40"):
        assert frechet_distance(real, fake) == pytest.approx(expected, rel=1e-10)


def test_frechet_distance_of_a_collapsed_generator():
    real, fake = gaussian(200, 5, 0), np.ones((50, 5))
    expected = np.sum((real.mean(0) - 1.0) ** 2) + np.cov(real, rowvar=False).trace()
    with pytest.warns(EvaluationWarning, match="rank 0 of 5"):
        assert frechet_distance(real, fake) == pytest.approx(expected, rel=1e-12)


def test_frechet_distance_takes_moments():
    real, fake = gaussian(100, 6, 0), gaussian(70, 6, 1)
    moments = Moments(6).update(real[:30]).update(real[30:])
    assert frechet_distance(moments, fake) == pytest.approx(frechet_distance(real, fake), rel=1e-12)


def test_one_image_is_too_few():
    with pytest.raises(EvaluationError, match="at least 2"):
        frechet_distance(gaussian(10, 4, 0), gaussian(1, 4, 1))


def test_features_that_do_not_compare_are_refused():
    good = gaussian(10, 4, 0)
    with pytest.raises(EvaluationError, match="do not go with"):
        frechet_distance(good, good[:, :3])
    with pytest.raises(EvaluationError, match="NaN"):
        frechet_distance(good, np.where(good > 0, good, np.nan))
