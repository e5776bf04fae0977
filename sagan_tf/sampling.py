"""Latents and labels as pure functions of a seed, a step and a place in the global batch."""

import operator

import numpy as np
import tensorflow as tf

from sagan_tf.errors import ConfigError


def fold_in(seed, *numbers):
    """A new seed, int32 (2,), from `seed` and some integers; the same in, the same out."""
    for number in numbers:
        # TensorFlow with NumPy's behaviour refuses Python's larger numbers, and takes NumPy's.
        number = np.int64(number) if isinstance(number, int) else number
        seed = tf.random.experimental.stateless_fold_in(seed, tf.cast(number, tf.int64))
    return seed


def root_seed(seed):
    """Returns the seed, int32 (2,), from which all random numbers for the user's `seed` follow.

    It has the high and the low half of the number, as `latents_from_seeds` takes them.

    Args:
        seed: int of 64 bits, in [-2**63, 2**63).

    Raises:
        ConfigError: `seed` is not a whole number of 64 bits.
    """
    wanted = "a whole number of 64 bits, in [-2**63, 2**63)"
    try:
        number = operator.index(seed)
    except TypeError as error:
        raise ConfigError("seed", seed, wanted) from error
    if isinstance(seed, bool) or not -(2**63) <= number < 2**63:
        raise ConfigError("seed", seed, wanted)
    high, low = divmod(number, 2**32)
    return tf.constant([high, low - 2**32 if low >= 2**31 else low], tf.int32)


def training_inputs(seed, batch_size, latent_dim, num_classes):
    """Latents and labels of this replica's part of a global batch.

    Every replica draws the global batch and takes its own rows, so that a run does not depend
    on the number of replicas and no two replicas see the same latents.

    Args:
        seed: int32 (2,), for this update.
        batch_size: rows of this replica, equal on all replicas.
        latent_dim: length of a latent.
        num_classes: classes to draw labels from; None draws zeros.

    Returns:
        latents float32 (batch_size, latent_dim), standard normal; labels int32 (batch_size,),
        uniform.
    """
    context = tf.distribute.get_replica_context()
    global_batch_size = batch_size * context.num_replicas_in_sync
    first = batch_size * context.replica_id_in_sync_group
    latents = tf.random.stateless_normal((global_batch_size, latent_dim), fold_in(seed, 0))
    labels = random_labels(fold_in(seed, 1), global_batch_size, num_classes)
    return (
        tf.slice(latents, (first, 0), (batch_size, latent_dim)),
        tf.slice(labels, (first,), (batch_size,)),
    )


def random_labels(seed, count, num_classes):
    """int32 (count,), uniform in [0, num_classes); zeros if `num_classes` is None."""
    return tf.random.stateless_uniform((count,), seed, 0, num_classes or 1, tf.int32)


def evenly_spaced_labels(num_classes, most):
    """Returns at most `most` labels, evenly spaced from the first to the last class, int32 (n,).

    Args:
        num_classes: number of classes; None gives the label 0.
        most: largest number of labels.
    """
    count = num_classes or 1
    return np.linspace(0, count - 1, min(count, most)).round().astype(np.int32)


def latents(seed, count, latent_dim, truncation=1.0):
    """Latents for sampling: float32 (count, latent_dim), normal, of deviation `truncation`.

    Scaling trades variety for quality as BigGAN's truncation trick does (arXiv:1809.11096,
    section 3.1, which resamples the tails instead); 1.0 is what training draws.

    Args:
        seed: int in [-2**63, 2**63).
        count: number of rows.
        latent_dim: length of a latent.
        truncation: in (0, 1].

    Raises:
        ConfigError: `seed` or `truncation` is out of range.
    """
    if not 0.0 < truncation <= 1.0:
        raise ConfigError("truncation", truncation, "in (0, 1]")
    return truncation * tf.random.stateless_normal((count, latent_dim), root_seed(seed))


def latents_from_seeds(seeds, latent_dim):
    """Standard normal latents of images that each have a seed of their own.

    Row i depends on `seeds[i]` only, to the last bit, so a server may batch, pad and reorder
    requests. Each seed gives the first row of `latents` for that seed.

    Args:
        seeds: int64 (n,), any values.
        latent_dim: length of a latent.

    Returns:
        float32 (n, latent_dim).
    """
    words = tf.reverse(tf.bitcast(seeds, tf.int32), axis=[-1])  # (n, 2), high word first

    def draw(seed):
        # The algorithm is named, since the default one differs between kinds of device.
        return tf.random.stateless_normal((latent_dim,), seed, alg="philox")

    return tf.map_fn(draw, words, fn_output_signature=tf.TensorSpec((latent_dim,), tf.float32))


def to_uint8(images):
    """Float images in [-1, 1] as uint8, rounded."""
    return tf.cast(tf.round((tf.clip_by_value(images, -1.0, 1.0) + 1.0) * 127.5), tf.uint8)
