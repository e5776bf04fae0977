"""Our losses are TF-GAN's, example by example and in the mean."""

import numpy as np
import pytest
import tensorflow as tf

from sagan_tf import losses

tfgan = pytest.importorskip(
    "tensorflow_gan", reason="TF-GAN imports on TensorFlow 2.15 only: make test-tf215"
)
THEIRS = tfgan.losses.wargs
PAIRS = {
    "hinge": (
        THEIRS.wasserstein_hinge_discriminator_loss,
        THEIRS.wasserstein_hinge_generator_loss,
        {},
    ),
    "wasserstein": (THEIRS.wasserstein_discriminator_loss, THEIRS.wasserstein_generator_loss, {}),
    "least_squares": (
        THEIRS.least_squares_discriminator_loss,
        THEIRS.least_squares_generator_loss,
        {},
    ),
    "non_saturating": (
        THEIRS.modified_discriminator_loss,
        THEIRS.modified_generator_loss,
        {"label_smoothing": 0.0},
    ),
}
PER_EXAMPLE = {"reduction": tf.compat.v1.losses.Reduction.NONE}


@pytest.fixture(scope="module")
def logits():
    """Real and fake logits on both sides of the hinges."""
    drawn = 2.0 * np.random.default_rng(0).standard_normal((2, 64))
    return [tf.constant(part, tf.float32) for part in drawn]


@pytest.mark.parametrize("name", PAIRS)
def test_each_example(name, logits):
    discriminator_loss, generator_loss, arguments = PAIRS[name]
    real, fake = logits
    ours = losses.get(name)
    np.testing.assert_allclose(
        ours.discriminator(real, fake),
        discriminator_loss(real, fake, **arguments, **PER_EXAMPLE),
        rtol=1e-6,
        atol=1e-6,
    )
    np.testing.assert_allclose(
        ours.generator(fake), generator_loss(fake, **arguments, **PER_EXAMPLE), rtol=1e-6, atol=1e-6
    )


@pytest.mark.parametrize("name", PAIRS)
def test_means_and_their_gradients(name, logits):
    discriminator_loss, _, arguments = PAIRS[name]
    ours = losses.get(name).discriminator
    values, gradients = [], []
    for mean_loss in (
        lambda real, fake: losses.global_mean(ours(real, fake)),
        lambda real, fake: discriminator_loss(real, fake, **arguments),
    ):
        with tf.GradientTape() as tape:
            tape.watch(logits)
            values.append(mean_loss(*logits))
        gradients.append(tape.gradient(values[-1], logits))
    np.testing.assert_allclose(*values, rtol=1e-6)
    np.testing.assert_allclose(*gradients, rtol=1e-5, atol=1e-8)
    assert np.abs(gradients[0]).max() > 1e-3
