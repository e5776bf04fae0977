"""The scores against closed forms; `test_against_*` compares them with other implementations."""

import numpy as np
import pytest

from sagan_tf.errors import EvaluationError
from sagan_tf.evaluation import (
    Moments,
    frechet_distance,
    inception_score,
    intra_class_frechet_distance,
    kernel_distance,
)
from sagan_tf.evaluation.metrics import EvaluationWarning


def gaussian(count, dimension, seed, scale=1.0, shift=0.0):
    rng = np.random.default_rng(seed)
    return scale * rng.standard_normal((count, dimension)) + shift


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


def test_intra_class_distance_averages_the_classes():
    real, fake = gaussian(120, 4, 0), gaussian(90, 4, 1)
    real_labels, fake_labels = np.arange(120) % 3, np.arange(90) % 3
    expected = [frechet_distance(real[c::3], fake[c::3]) for c in range(3)]
    score = intra_class_frechet_distance(real, real_labels, fake, fake_labels)
    assert list(score.per_class.values()) == pytest.approx(expected, rel=1e-12)
    assert score.value == pytest.approx(np.mean(expected), rel=1e-12)
    assert score.spread == pytest.approx(np.std(expected), rel=1e-12)


def test_intra_class_distance_sees_swapped_classes_that_fid_does_not():
    labels = np.repeat([0, 1], 200)
    real = gaussian(400, 3, 0) + 5.0 * labels[:, None]
    assert frechet_distance(real, real) < 1e-8
    assert intra_class_frechet_distance(real, labels, real, 1 - labels).value > 50
    with pytest.raises(EvaluationError, match="the same labels"):
        intra_class_frechet_distance(real, labels, real, labels * 0)


def test_kernel_distance_is_unbiased_and_tells_sets_apart():
    draws = [
        kernel_distance(gaussian(50, 8, i), gaussian(50, 8, 100 + i), 1, 50).value
        for i in range(99)
    ]
    assert abs(np.mean(draws)) < 3 * np.std(draws) / np.sqrt(99)
    assert min(draws) < 0.0
    other = kernel_distance(gaussian(600, 16, 0), gaussian(600, 16, 1, shift=1.0), subset_size=500)
    assert other.value > 10 * other.spread > 0


def test_kernel_distance_repeats_with_its_seed():
    real, fake = gaussian(60, 4, 0), gaussian(80, 4, 1)
    scores = [kernel_distance(real, fake, 10, 50, seed) for seed in (1, 1, 2)]
    assert scores[0] == scores[1] != scores[2]


def test_kernel_distance_says_when_the_subsets_are_smaller():
    with pytest.warns(EvaluationWarning, match="hold 40 images, not 1000"):
        kernel_distance(gaussian(40, 4, 0), gaussian(50, 4, 1), subsets=3)
    with pytest.raises(EvaluationError, match="too few"):
        kernel_distance(gaussian(40, 4, 0), gaussian(50, 4, 1), subset_size=1)


def test_inception_score_has_its_extremes():
    sure = 1e3 * np.eye(10)[np.arange(200) % 10]
    assert inception_score(sure, splits=1).value == pytest.approx(10.0)
    assert inception_score(np.zeros((200, 10))) == pytest.approx((1.0, 0.0))
    assert inception_score(np.tile(sure[:1], (200, 1))).value == pytest.approx(1.0)


def test_inception_score_shuffles_sorted_images_unless_told_not_to():
    ordered = 1e3 * np.eye(10)[np.repeat(np.arange(10), 50)]
    assert inception_score(ordered, seed=None).value == pytest.approx(1.0)
    assert inception_score(ordered).value > 8


@pytest.mark.parametrize("splits", [0, 9])
def test_inception_score_refuses_impossible_splits(splits):
    with pytest.raises(EvaluationError, match="from 1 to 8"):
        inception_score(np.zeros((8, 3)), splits=splits)


@pytest.mark.parametrize("score", [frechet_distance, kernel_distance])
def test_features_that_cannot_be_compared_are_refused(score):
    good = gaussian(10, 4, 0)
    with pytest.raises(EvaluationError, match="do not go with"):
        score(good, good[:, :3])
    with pytest.raises(EvaluationError, match="NaN"):
        score(good, np.where(good > 0, good, np.nan))


def test_one_image_is_too_few():
    with pytest.raises(EvaluationError, match="at least 2"):
        frechet_distance(gaussian(10, 4, 0), gaussian(1, 4, 1))
