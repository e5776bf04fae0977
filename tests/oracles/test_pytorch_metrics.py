"""Our scores are those of torchmetrics' and prdc's formulas.

torch and TensorFlow load in one process without a clash, in either order.
"""

import numpy as np
import prdc
import pytest
import torch
from torchmetrics.image import inception as torch_inception
from torchmetrics.image.fid import _compute_fid
from torchmetrics.image.kid import poly_mmd

from sagan_tf.evaluation import (
    density_coverage,
    frechet_distance,
    inception_score,
    kernel_distance,
    precision_recall,
)

pytestmark = [
    pytest.mark.filterwarnings("ignore::sagan_tf.evaluation.metrics.EvaluationWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning:torchmetrics"),
]


def features_of(kind):
    """A pair of feature arrays (real, fake) that a score must cope with."""
    rng = np.random.default_rng(7)
    mixing = rng.standard_normal((24, 24))
    real, fake = rng.standard_normal((400, 24)) @ mixing, rng.standard_normal((300, 24)) @ mixing
    pairs = {
        "random": (real, 1.5 * fake + 0.3),
        "shifted": (real, real + 2.0),
        "relu": (np.maximum(real, 0.0), np.maximum(fake - 1.0, 0.0)),
        "rank-deficient": (real[:, :10] @ mixing[:10], fake[:, 5:15] @ mixing[:10] + 1.0),
        "tiny": (real[:9], fake[:7] + 1.0),
        "constant": (real, np.tile(fake[:1], (50, 1))),
    }
    return pairs[kind]


KINDS = ["random", "shifted", "relu", "rank-deficient", "tiny", "constant"]


def moments_in_torch(features):
    features = torch.from_numpy(features)
    return features.mean(dim=0), torch.cov(features.T)


@pytest.mark.parametrize("kind", KINDS)
def test_frechet_distance(kind):
    real, fake = features_of(kind)
    theirs = _compute_fid(*moments_in_torch(real), *moments_in_torch(fake)).item()
    assert frechet_distance(real, fake) == pytest.approx(theirs, rel=1e-6)


def test_frechet_distance_of_identical_sets():
    real, _ = features_of("random")
    theirs = _compute_fid(*moments_in_torch(real), *moments_in_torch(real)).item()
    assert frechet_distance(real, real) == pytest.approx(theirs, abs=1e-8)


@pytest.mark.parametrize("kind", KINDS)
def test_kernel_distance_of_whole_sets(kind):
    real, fake = features_of(kind)
    count = min(len(real), len(fake))
    theirs = poly_mmd(torch.from_numpy(real[:count]), torch.from_numpy(fake[:count])).item()
    ours = kernel_distance(real[:count], fake[:count], subsets=1, subset_size=count)
    assert ours.value == pytest.approx(theirs, rel=1e-9)


def test_kernel_distance_averages_the_subsets_that_torch_fidelity_draws():
    real, fake = features_of("random")
    rng, theirs = np.random.RandomState(2020), []
    for _ in range(20):
        subsets = [x[rng.choice(len(x), 100, replace=False)] for x in (fake, real)]
        theirs.append(poly_mmd(*map(torch.from_numpy, subsets)).item())
    ours = kernel_distance(real, fake, subsets=20, subset_size=100)
    assert ours == pytest.approx((np.mean(theirs), np.std(theirs)), rel=1e-9)


@pytest.mark.parametrize("splits", [1, 10])
@pytest.mark.parametrize("scale", [1.0, 30.0], ids=["soft", "sharp"])
def test_inception_score(monkeypatch, splits, scale):
    logits = scale * np.random.default_rng(3).standard_normal((200, 12))
    order = np.random.RandomState(2020).permutation(200)
    monkeypatch.setattr(torch, "randperm", lambda n: torch.from_numpy(order))
    metric = torch_inception.InceptionScore(feature=torch.nn.Identity(), splits=splits)
    metric.features.append(torch.from_numpy(logits))
    mean, deviation = (value.item() for value in metric.compute())
    ours = inception_score(logits, splits=splits)
    assert ours.value == pytest.approx(mean, rel=1e-6)
    if splits == 1:
        assert ours.spread == 0.0
    else:  # torchmetrics divides by splits - 1, torch-fidelity and we by splits
        assert ours.spread == pytest.approx(deviation * np.sqrt((splits - 1) / splits), rel=1e-6)


@pytest.mark.parametrize("k", [1, 3, 5])
@pytest.mark.parametrize("kind", KINDS)
def test_precision_recall_density_coverage(kind, k):
    real, fake = features_of(kind)
    theirs = prdc.compute_prdc(real, fake, nearest_k=k)
    assert precision_recall(real, fake, k)._asdict() == pytest.approx(
        {name: theirs[name] for name in ("precision", "recall")}, abs=1e-12
    )
    assert density_coverage(real, fake, k)._asdict() == pytest.approx(
        {name: theirs[name] for name in ("density", "coverage")}, abs=1e-12
    )


def test_precision_recall_with_many_copies():
    # Whole numbers: distances are exact in both, and many are 0 or equal.
    rng = np.random.default_rng(0)
    real, fake = (rng.integers(0, 3, (150, 4)).astype(float) for _ in range(2))
    theirs = prdc.compute_prdc(real, fake, nearest_k=5)
    ours = {
        **precision_recall(real, fake, 5)._asdict(),
        **density_coverage(real, fake, 5)._asdict(),
    }
    assert ours == pytest.approx(theirs, abs=1e-12)
