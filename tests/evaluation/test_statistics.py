import numpy as np
import pytest

from sagan_tf.errors import EvaluationError
from sagan_tf.evaluation import statistics
from sagan_tf.evaluation.statistics import FeatureStatistics


def filled(kept=("features", "labels"), keep=None, sizes=(3, 4, 13)):
    features = np.random.default_rng(0).standard_normal((20, 5)).astype(np.float32)
    filled = FeatureStatistics(20, kept, keep)
    for rows in np.split(np.arange(20), np.cumsum(sizes)[:-1]):
        filled.update(features[rows], None, rows)
    return filled, features


def test_moments_and_halves():
    found, features = filled()
    np.testing.assert_allclose(found.moments.covariance, np.cov(features, rowvar=False), rtol=1e-6)
    for half, start in zip(found.halves, (0, 1)):
        np.testing.assert_allclose(half.mean, features[start::2].mean(axis=0), rtol=1e-6)


def test_keeps_what_it_is_asked_to():
    found, features = filled(keep=6)
    rows = found.kept("labels")
    assert len(set(rows)) == 6
    np.testing.assert_array_equal(found.kept("features"), features[rows])
    np.testing.assert_array_equal(filled(keep=6, sizes=(20,))[0].kept("labels"), rows)
    assert filled(kept=("logits",))[0].kept("logits") is None


def test_cache_round_trips_and_is_used(tmp_path):
    found, _ = filled(keep=6)
    directory = str(tmp_path / "cache")
    statistics.cached({"data": 1}, lambda: found, directory)
    copy = statistics.cached({"data": 1}, lambda: pytest.fail("not cached"), directory)
    np.testing.assert_array_equal(copy.moments.covariance, found.moments.covariance)
    np.testing.assert_array_equal(copy.kept("features"), found.kept("features"))
    assert copy.num_images == 20
    assert statistics.cached({"data": 2}, lambda: "computed", None) == "computed"


def test_a_cache_of_something_else_is_refused(tmp_path):
    path = str(tmp_path / "statistics.npz")
    filled()[0].save(path, {"data": 1, "network": "a"})
    with pytest.raises(EvaluationError, match="other statistics: network differ; delete it"):
        FeatureStatistics.load(path, {"data": 1, "network": "b"})
    (tmp_path / "statistics.npz").write_bytes(b"PK\x03\x04 damaged")
    with pytest.raises(EvaluationError, match="not a whole cache"):
        FeatureStatistics.load(path, {"data": 1})
