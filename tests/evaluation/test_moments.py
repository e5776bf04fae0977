import numpy as np
import pytest

from sagan_tf.errors import EvaluationError
from sagan_tf.evaluation import Moments


@pytest.fixture
def features():
    rng = np.random.default_rng(0)
    return rng.standard_normal((300, 12)) @ rng.standard_normal((12, 12)) + 50.0


def assert_moments(moments, features):
    assert moments.count == len(features)
    np.testing.assert_allclose(moments.mean, features.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(moments.covariance, np.cov(features, rowvar=False), rtol=1e-10)


def stream(features, *sizes):
    moments = Moments(features.shape[1])
    for batch in np.split(features, np.cumsum(sizes)):
        moments.update(batch)
    return moments


def test_streaming_equals_batch(features):
    assert_moments(Moments.of(features), features)
    assert_moments(stream(features, 1, 1, 97, 200), features)


def test_order_does_not_matter(features):
    shuffled = features[np.random.default_rng(1).permutation(len(features))]
    assert_moments(stream(shuffled, 13, 100), features)


def test_two_shards_equal_one(features):
    first, second = stream(features[:90], 40), stream(features[90:], 7, 60)
    assert_moments(first.merge(second).merge(Moments(12)), features)
    assert_moments(Moments(12).merge(second).update(features[:90]), features)


def test_a_large_mean_costs_no_precision():
    features = np.random.default_rng(0).standard_normal((1000, 3)) + 1e6
    np.testing.assert_allclose(
        stream(features, 10, 500).covariance, np.cov(features, rowvar=False), rtol=1e-8
    )


def test_arrays_round_trip(features):
    moments = Moments.of(features[:100])
    copy = Moments.from_arrays(moments.arrays())
    np.testing.assert_array_equal(copy.covariance, moments.covariance)
    assert_moments(copy.update(features[100:]), features)
    assert moments.count == 100


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_refuses_what_is_not_finite(features, value):
    features[5, 3] = features[9, 0] = value
    with pytest.raises(EvaluationError, match=r"NaN or infinity in 2 of 300 rows, first in row 5"):
        Moments.of(features)


def test_refuses_wrong_shapes(features):
    with pytest.raises(EvaluationError, match=r"shape \(12,\)"):
        Moments(12).update(features[0])
    with pytest.raises(EvaluationError, match="6 numbers do not go with features of 12"):
        Moments(12).update(features[:, :6])
    with pytest.raises(EvaluationError, match="at least 2"):
        _ = Moments.of(features[:1]).covariance
