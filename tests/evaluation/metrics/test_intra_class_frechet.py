import numpy as np
import pytest

from sagan_tf.errors import EvaluationError
from sagan_tf.evaluation import frechet_distance, intra_class_frechet_distance
from tests.evaluation.metrics.gaussians import gaussian


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
