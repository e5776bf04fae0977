import numpy as np
import pytest

from sagan_tf.errors import EvaluationError
from sagan_tf.evaluation import kernel_distance
from sagan_tf.evaluation.metrics import EvaluationWarning
from tests.evaluation.metrics.gaussians import gaussian


def test_kernel_distance_is_unbiased_and_tells_sets_apart():
    distances = [
        kernel_distance(gaussian(50, 8, i), gaussian(50, 8, 100 + i), 1, 50).value
        for i in range(99)
    ]
    assert abs(np.mean(distances)) < 3 * np.std(distances) / np.sqrt(99)
    assert min(distances) < 0.0
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


def test_features_that_do_not_compare_are_refused():
    good = gaussian(10, 4, 0)
    with pytest.raises(EvaluationError, match="do not go with"):
        kernel_distance(good, good[:, :3])
    with pytest.raises(EvaluationError, match="NaN"):
        kernel_distance(good, np.where(good > 0, good, np.nan))
