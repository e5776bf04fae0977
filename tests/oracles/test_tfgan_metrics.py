"""Our scores are TF-GAN's.

TF-GAN computes Inception Score without splits, FID through symmetric roots, KID in blocks.
"""

import numpy as np
import pytest
import tensorflow as tf

from sagan_tf.evaluation import frechet_distance, inception_score, kernel_distance

tfgan = pytest.importorskip(
    "tensorflow_gan", reason="TF-GAN imports on TensorFlow 2.15 only: make test-tf215"
)


def gaussians(dimension, counts=(400, 300)):
    rng = np.random.default_rng(7)
    mixing = rng.standard_normal((dimension, dimension)) / dimension**0.5
    return [
        rng.standard_normal((count, dimension)) @ mixing + shift
        for count, shift in zip(counts, (0.0, 0.5))
    ]


@pytest.mark.parametrize("dimension", [8, 64])
def test_frechet_distance(dimension):
    real, fake = gaussians(dimension)
    theirs = tfgan.eval.frechet_classifier_distance_from_activations(
        tf.constant(real), tf.constant(fake)
    )
    assert frechet_distance(real, fake) == pytest.approx(float(theirs), rel=1e-6)


@pytest.mark.parametrize("scale", [1.0, 30.0], ids=["soft", "sharp"])
def test_inception_score(scale):
    logits = scale * np.random.default_rng(3).standard_normal((200, 12))
    theirs = tfgan.eval.classifier_score_from_logits(tf.constant(logits))
    assert inception_score(logits, splits=1).value == pytest.approx(float(theirs), rel=1e-6)


def test_kernel_distance():
    real, fake = gaussians(16, (250, 250))
    theirs = tfgan.eval.kernel_classifier_distance_from_activations(
        tf.constant(real), tf.constant(fake), max_block_size=250
    )
    ours = kernel_distance(real, fake, subsets=1, subset_size=250)
    assert ours.value == pytest.approx(float(theirs), rel=1e-9)
