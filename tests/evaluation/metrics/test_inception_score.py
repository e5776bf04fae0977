import numpy as np
import pytest

from sagan_tf.errors import EvaluationError
from sagan_tf.evaluation import inception_score


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
