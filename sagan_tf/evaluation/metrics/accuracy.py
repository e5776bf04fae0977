"""Accuracy: the share of generated images that a classifier puts into their own class.

The metric keeps the logits and the labels of single images.
"""

from __future__ import annotations

import numpy as np

from sagan_tf.evaluation import fashion_classifier
from sagan_tf.evaluation.metrics.metric import Measurement, Metric


def classification_accuracy(logits, labels):
    """Computes the share of images whose largest logit is that of their label.

    `mean(argmax_c logits[i, c] == labels[i])`. With a classifier of real images, this is the
    GAN-test of Shmelkov et al. (arXiv:1807.09499).

    Args:
        logits: of the classifier (n, classes).
        labels: the classes that the images should have, integers (n,).

    Returns:
        A float in [0, 1].
    """
    return float(np.mean(np.argmax(logits, axis=1) == labels))


def _measure(real, fake):
    accuracy = classification_accuracy(fake.kept("logits"), fake.kept("labels"))
    return [Measurement("accuracy", accuracy)]


ACCURACY = Metric("accuracy", _measure, keeps=("logits", "labels"), network=fashion_classifier.NAME)
