"""Adversarial losses: pure functions of logits, one value per example.

`discriminator(real_logits, fake_logits)` and `generator(fake_logits)` take and return float
tensors of shape (b,). Dividing by the global batch is `global_mean`'s job and nobody else's.
"""

from __future__ import annotations

import typing

import tensorflow as tf

from sagan_tf.errors import ConfigError


class AdversarialLoss(typing.NamedTuple):
    """A pair of losses per example: of D from real and fake logits, of G from fake logits."""

    discriminator: typing.Callable
    generator: typing.Callable


def hinge_discriminator(real_logits, fake_logits):
    """`max(0, 1 - D(x)) + max(0, 1 + D(G(z)))` (SAGAN equation 4)."""
    return tf.nn.relu(1.0 - real_logits) + tf.nn.relu(1.0 + fake_logits)


def hinge_generator(fake_logits):
    """`-D(G(z))` (SAGAN equation 4)."""
    return -fake_logits


def non_saturating_discriminator(real_logits, fake_logits):
    """`-log s(D(x)) - log(1 - s(D(G(z))))`, s the sigmoid (Goodfellow et al., arXiv:1406.2661)."""
    return tf.nn.softplus(-real_logits) + tf.nn.softplus(fake_logits)


def non_saturating_generator(fake_logits):
    """`-log s(D(G(z)))`, s the sigmoid (Goodfellow et al., arXiv:1406.2661, section 3)."""
    return tf.nn.softplus(-fake_logits)


def least_squares_discriminator(real_logits, fake_logits):
    """`((D(x) - 1)^2 + D(G(z))^2) / 2` (Mao et al., arXiv:1611.04076, equation 9)."""
    return 0.5 * (tf.square(real_logits - 1.0) + tf.square(fake_logits))


def least_squares_generator(fake_logits):
    """`(D(G(z)) - 1)^2 / 2` (Mao et al., arXiv:1611.04076, equation 9)."""
    return 0.5 * tf.square(fake_logits - 1.0)


def wasserstein_discriminator(real_logits, fake_logits):
    """`D(G(z)) - D(x)` (Arjovsky et al., arXiv:1701.07875); spectral norm keeps D Lipschitz."""
    return fake_logits - real_logits


def wasserstein_generator(fake_logits):
    """`-D(G(z))` (Arjovsky et al., arXiv:1701.07875)."""
    return -fake_logits


_LOSSES = {
    "hinge": AdversarialLoss(hinge_discriminator, hinge_generator),
    "non_saturating": AdversarialLoss(non_saturating_discriminator, non_saturating_generator),
    "least_squares": AdversarialLoss(least_squares_discriminator, least_squares_generator),
    "wasserstein": AdversarialLoss(wasserstein_discriminator, wasserstein_generator),
}


def get(name):
    """The `AdversarialLoss` of that name.

    Raises:
        ConfigError: there is no loss of that name.
    """
    if name not in _LOSSES:
        raise ConfigError("loss", name, f"one of {', '.join(_LOSSES)}")
    return _LOSSES[name]


def global_mean(per_example, micro_batches=1):
    """This part's share of the mean over the global batch; shares add up over all parts.

    Args:
        per_example: float (b,), b the batch size of one part, equal for all.
        micro_batches: parts of each replica's batch.
    """
    replicas = tf.distribute.get_strategy().num_replicas_in_sync
    return tf.reduce_mean(per_example) / (replicas * micro_batches)
