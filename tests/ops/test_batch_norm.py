"""Batch normalization: the fast form, the reference, and Keras."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from sagan_tf import ops
from sagan_tf.ops import batch_norm
from tests.ops.gradients import check_equal, outputs_and_gradients

EPSILON = 1e-3
RANDOM = np.random.default_rng(0)
IMAGES = tf.constant(3.0 + 2.0 * RANDOM.standard_normal((4, 5, 6, 8)), tf.float32)
SCALE, OFFSET = (tf.constant(RANDOM.standard_normal((4, 8)), tf.float32) for _ in range(2))


def by_keras(images, scale, offset):
    norm = keras.layers.BatchNormalization(epsilon=EPSILON, center=False, scale=False)
    normalized = norm(tf.cast(images, tf.float32), training=True)
    return tf.cast(normalized * scale[:, None, None] + offset[:, None, None], images.dtype)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("mode", ["auto", "reference"])
def test_outputs_and_gradients_equal_keras(mode, dtype):
    """Keras's batch normalization and an affine map after it."""
    operands = tf.cast(IMAGES, dtype), SCALE, OFFSET
    with ops.using(mode):
        ours = outputs_and_gradients(lambda *a: batch_norm.batch_norm(*a, EPSILON), *operands)
    tolerance = 1e-4 if dtype == "float32" else 4e-2
    check_equal(ours, outputs_and_gradients(by_keras, *operands), tolerance, tolerance)


@pytest.mark.parametrize("mode", ["auto", "reference"])
def test_moments_are_the_batchs(mode):
    with ops.using(mode):
        _, mean, variance = batch_norm.batch_norm(IMAGES, SCALE, OFFSET, EPSILON)
    np.testing.assert_allclose(mean, np.mean(IMAGES, (0, 1, 2)), rtol=1e-5)
    np.testing.assert_allclose(variance, np.var(IMAGES, (0, 1, 2)), rtol=1e-4)


def test_given_moments():
    mean, variance = tf.constant(RANDOM.uniform(1.0, 2.0, (2, 8)), tf.float32)
    arguments = mean, variance, SCALE, OFFSET, EPSILON
    fast, plain = (
        outputs_and_gradients(lambda images, form=form: form(images, *arguments), IMAGES)
        for form in (batch_norm.normalize, batch_norm.normalize_reference)
    )
    check_equal(fast, plain)


@pytest.mark.parametrize("mode", ["auto", "reference"])
def test_replicas_share_their_moments(two_replicas, mode):
    """Outputs and the gradient of the images on two replicas equal those of the whole batch."""

    def run(images, scale, offset, weights):
        with tf.GradientTape() as tape:
            tape.watch(images)
            outputs = batch_norm.batch_norm(images, scale, offset, EPSILON)[0]
            loss = tf.reduce_sum(outputs * weights)
        return outputs, tape.gradient(loss, images)

    weights = tf.constant(RANDOM.standard_normal(IMAGES.shape), tf.float32)
    operands = IMAGES, SCALE, OFFSET, weights
    whole = run(*operands)
    halves = [tf.split(operand, 2) for operand in operands]
    values = [
        two_replicas.experimental_distribute_values_from_function(
            lambda context, half=half: half[context.replica_id_in_sync_group]
        )
        for half in halves
    ]
    with ops.using(mode):
        parts = tf.function(lambda *v: two_replicas.run(run, args=v))(*values)
    joined = [tf.concat(two_replicas.experimental_local_results(part), 0) for part in parts]
    check_equal(joined, whole)
