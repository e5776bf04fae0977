"""Inception Score of one set of images.

The metric keeps the logits of the scored images. Real images are not needed.
"""

from __future__ import annotations

import numpy as np
from scipy.special import log_softmax, logsumexp

from sagan_tf.errors import EvaluationError
from sagan_tf.evaluation.metrics.metric import Measurement, Metric, Score
from sagan_tf.evaluation.moments import check_features

_PROTOCOL = {"splits": 10, "seed": 2020}


def inception_score(logits, splits=10, seed=2020):
    """Computes the Inception Score, the mean of `exp(E_x KL(p(y|x) || p(y)))` over splits.

    The score is high if the class of each image is certain and the classes of all images vary
    (Salimans et al., arXiv:1606.03498). Splits, shuffling and seed are torch-fidelity's defaults.

    Args:
        logits: of the classifier (n, classes), before the softmax.
        splits: number of parts, from 1 to n.
        seed: of the shuffling before the split; None keeps the order.

    Returns:
        `Score`: mean and standard deviation over the splits; from 1 to the number of classes.

    Raises:
        EvaluationError: wrong shapes, more splits than images, or logits that are not finite.
    """
    logits = check_features(logits, "logits")
    if not 1 <= splits <= len(logits):
        raise EvaluationError(f"splits={splits} is not allowed; it must be from 1 to {len(logits)}")
    if seed is not None:
        logits = logits[np.random.RandomState(seed).permutation(len(logits))]
    log_p = log_softmax(logits, axis=1)
    bounds = [i * len(logits) // splits for i in range(splits + 1)]
    scores = [_split_score(log_p[start:end]) for start, end in zip(bounds, bounds[1:])]
    return Score(float(np.mean(scores)), float(np.std(scores)))


def _split_score(log_p):
    log_marginal = logsumexp(log_p, axis=0) - np.log(len(log_p))
    return np.exp(np.mean(np.sum(np.exp(log_p) * (log_p - log_marginal), axis=1)))


def _measure(real, fake):
    logits = fake.kept("logits")
    if logits is None:
        raise EvaluationError("metric is needs a feature network with logits; this one has none")
    protocol = {**_PROTOCOL, "splits": min(_PROTOCOL["splits"], fake.num_images)}
    return [Measurement("is", *inception_score(logits, **protocol), protocol)]


INCEPTION_SCORE = Metric("is", _measure, keeps=("logits",), titles={"is": "Inception Score"})
