"""Batch normalization over all replicas, each image with a scale and an offset of its own."""

import tensorflow as tf

from sagan_tf.errors import UserError
from sagan_tf.ops import forms


def batch_norm(images, scale, offset, epsilon):
    """Normalizes by the moments of the batch: `(x - mean) / sqrt(variance + epsilon)`.

    Args:
        images: (b, h, w, c), float32 or bfloat16. The computation is in float32.
        scale: float32 (b, c), which multiplies the normalized images.
        offset: float32 (b, c), which is added after that.
        epsilon: added to the variance.

    Returns:
        The images, in the dtype they came in, and the mean and the variance over the batch of all
        replicas, float32 (c,). The two moments are for moving statistics and have no gradient.

    Reference: Ioffe & Szegedy, arXiv:1502.03167, algorithm 1.
    """
    compute = reference if forms.form("batch_norm") == "reference" else _fused
    with tf.name_scope("batch_norm"):
        return compute(images, scale, offset, epsilon)


def reference(images, scale, offset, epsilon):
    """The plain form of `batch_norm`."""
    inputs = tf.cast(images, tf.float32)
    mean = _mean_over_replicas(tf.reduce_mean(inputs, (0, 1, 2)))
    variance = _mean_over_replicas(tf.reduce_mean(tf.square(inputs - mean), (0, 1, 2)))
    outputs = normalize_reference(images, mean, variance, scale, offset, epsilon)
    return outputs, tf.stop_gradient(mean), tf.stop_gradient(variance)


def normalize(images, mean, variance, scale, offset, epsilon):
    """Normalizes by given moments, such as the moving ones; arguments as for `batch_norm`."""
    with tf.name_scope("batch_norm"):
        if forms.form("batch_norm") == "reference":
            return normalize_reference(images, mean, variance, scale, offset, epsilon)
        return _affine(images, mean, variance, scale, offset, epsilon)[0]


def normalize_reference(images, mean, variance, scale, offset, epsilon):
    """The plain form of `normalize`."""
    normalized = (tf.cast(images, tf.float32) - mean) / tf.sqrt(variance + epsilon)
    outputs = normalized * scale[:, None, None, :] + offset[:, None, None, :]
    return tf.cast(outputs, images.dtype)


def _replica_context():
    context = tf.distribute.get_replica_context()
    if context is None:
        raise UserError(
            "training=True normalizes by the batch of all replicas: call the network inside "
            "strategy.run"
        )
    return context


def _mean_over_replicas(value):
    context = _replica_context()
    total = context.all_reduce(tf.distribute.ReduceOp.SUM, value)
    return total / context.num_replicas_in_sync


# The fast form reads the images half as often as the plain one: one pass for both moments, one for
# the output, and two for the gradient of section 3 of the paper.


@tf.custom_gradient
def _fused(images, scale, offset, epsilon):
    inputs = tf.cast(images, tf.float32)
    positions = tf.cast(tf.shape(images)[1] * tf.shape(images)[2], tf.float32)
    mean, mean_square = _global_means(
        tf.reduce_sum(inputs, (1, 2)), tf.reduce_sum(inputs * inputs, (1, 2)), positions
    )
    variance = tf.maximum(mean_square - mean * mean, 0.0)
    outputs, inverse = _affine(images, mean, variance, scale, offset, epsilon)

    def gradient(upstream, *_):
        with tf.name_scope("batch_norm"):
            upstream = tf.cast(upstream, tf.float32)
            # Sums over an image of the gradient, and of the gradient times the normalized image.
            plain = tf.reduce_sum(upstream, (1, 2))  # (b, c)
            weighted = inverse * (tf.reduce_sum(upstream * inputs, (1, 2)) - mean * plain)
            mean_plain, mean_weighted = _global_means(scale * plain, scale * weighted, positions)
            slope = -inverse * inverse * mean_weighted
            constant = -inverse * mean_plain - slope * mean
            factor = (scale * inverse)[:, None, None, :]
            through = upstream * factor + (inputs * slope + constant)
            return tf.cast(through, images.dtype), weighted, plain, None

    return (outputs, mean, variance), gradient


def _affine(images, mean, variance, scale, offset, epsilon):
    """The normalized, scaled and shifted images, and 1 / sqrt(variance + epsilon)."""
    inverse = tf.math.rsqrt(variance + epsilon)
    factor = scale * inverse  # (b, c)
    constant = offset - mean * factor
    inputs = tf.cast(images, tf.float32)
    outputs = inputs * factor[:, None, None, :] + constant[:, None, None, :]
    return tf.cast(outputs, images.dtype), inverse


def _global_means(first, second, positions):
    """Means over all positions of all images of all replicas, of sums (b, c) over positions."""
    context = _replica_context()
    sums = tf.stack([tf.reduce_sum(first, 0), tf.reduce_sum(second, 0)])
    images = tf.cast(tf.shape(first)[0] * context.num_replicas_in_sync, tf.float32)
    return tf.unstack(context.all_reduce(tf.distribute.ReduceOp.SUM, sums) / (images * positions))
