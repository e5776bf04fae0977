"""Activations computed again for gradients: the same numbers, and state that moves once."""

import numpy as np
import pytest
import tensorflow as tf

from sagan_tf import layers
from sagan_tf.layers.recomputation import recomputed

RANDOM = np.random.default_rng(0)
IMAGES = RANDOM.standard_normal((4, 8, 8, 6)).astype(np.float32)
WEIGHTS = tf.constant(RANDOM.standard_normal((4, 16, 16, 5)), tf.float32)
LABELS = np.array([0, 2, 1, 2], np.int32)


def run(wrap, persistent=False):
    """Outputs, gradients, and state after two calls with a gradient each."""
    block = layers.GeneratorBlock(5, num_classes=3)
    block.build(IMAGES.shape)
    random = np.random.default_rng(1)
    for weight in block.weights:
        if "variance" not in weight.name:
            weight.assign(random.standard_normal(weight.shape) * 0.3 + 1.0)

    @tf.function
    def step(images):
        with tf.GradientTape(persistent=persistent) as tape:
            tape.watch(images)
            outputs = wrap(lambda images: block(images, LABELS, training=True))(images)
        step.forward = tf.compat.v1.get_default_graph().get_operations()
        step.outputs = outputs
        sources = [images, *block.trainable_variables]
        gradients = tape.gradient(outputs, sources, WEIGHTS)
        if persistent:
            gradients += tape.gradient(outputs, sources, WEIGHTS)
        return [outputs, *gradients]

    results = [tensor for _ in range(2) for tensor in step(tf.constant(IMAGES))]
    return results, block.non_trainable_variables, step


@pytest.fixture(scope="module")
def plain():
    return run(lambda function: function)


def test_outputs_gradients_and_state_equal_those_of_the_plain_block(plain):
    results, state, _ = run(recomputed)
    assert len(results) == len(plain[0]) and len(state) == 7  # 3 u, 2 means, 2 variances
    for one, other in zip(results, plain[0]):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5)
    for one, other in zip(state, plain[1]):
        np.testing.assert_array_equal(one, other)


def test_a_gradient_can_be_asked_for_twice(plain):
    results, state, _ = run(recomputed, persistent=True)
    half = len(plain[0]) // 2
    for one, other in zip(results[half:], plain[0][1:half]):  # the second gradient, first call
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5)
    for one, other in zip(state, plain[1]):
        np.testing.assert_array_equal(one, other)


def test_the_gradient_reads_no_activation_of_the_first_run(plain):
    """Of what the forward pass computed it needs weights, moments, and the inputs."""
    assert activations_kept(plain[2])
    assert not activations_kept(run(recomputed)[2])


def activations_kept(step):
    """Names of tensors of an activation's size that the forward pass leaves to the gradient."""
    operations = step.get_concrete_function(tf.constant(IMAGES)).graph.get_operations()
    forward = {op.name for op in step.forward if op.type != "Placeholder"}
    kept = {
        tensor.name
        for op in operations
        for tensor in op.inputs
        if op.name not in forward
        and tensor.op.name in forward
        and (tensor.shape.num_elements() or 0) >= IMAGES.size
    }
    return kept - {step.outputs.name}
