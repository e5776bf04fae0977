import numpy as np
import pytest

from sagan_tf.errors import EvaluationError
from sagan_tf.evaluation import density_coverage, precision_recall
from sagan_tf.evaluation.metrics import neighbours


def gaussian(count, seed, shift=0.0):
    return np.random.default_rng(seed).standard_normal((count, 8)) + shift


def test_equal_sets_have_everything():
    features = gaussian(100, 0)
    assert precision_recall(features, features) == (1.0, 1.0)
    assert density_coverage(features, features).coverage == 1.0


def test_sets_far_apart_have_nothing():
    assert precision_recall(gaussian(50, 0), gaussian(60, 1, 100.0)) == (0.0, 0.0)
    assert density_coverage(gaussian(50, 0), gaussian(60, 1, 100.0)) == (0.0, 0.0)


def test_a_collapsed_generator_has_precision_without_recall():
    real = gaussian(200, 0)
    collapsed = np.tile(real.mean(axis=0), (100, 1))
    assert precision_recall(real, collapsed) == (1.0, 0.0)
    assert density_coverage(real, collapsed).coverage < 0.9


def test_precision_and_recall_are_each_others_converse():
    real, fake = gaussian(80, 0), gaussian(120, 1, 0.5)
    forward, backward = precision_recall(real, fake), precision_recall(fake, real)
    assert forward.precision == backward.recall != forward.recall == backward.precision


def test_blocks_do_not_matter(monkeypatch):
    real, fake = gaussian(80, 0), gaussian(120, 1, 0.5)
    whole = precision_recall(real, fake), density_coverage(real, fake)
    monkeypatch.setattr(neighbours, "_BLOCK", 700)
    assert (precision_recall(real, fake), density_coverage(real, fake)) == whole


@pytest.mark.parametrize("score", [precision_recall, density_coverage])
def test_refuses_what_it_cannot_score(score):
    with pytest.raises(EvaluationError, match=r"k=5 is not allowed with 5 real and 9 fake"):
        score(gaussian(5, 0), gaussian(9, 1), k=5)
    with pytest.raises(EvaluationError, match="do not go with"):
        score(gaussian(9, 0), gaussian(9, 1)[:, :4])
