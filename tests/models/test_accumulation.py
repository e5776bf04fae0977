"""Gradient accumulation: the update of the whole batch, from parts of it."""

import numpy as np
import pytest
import tensorflow as tf

from sagan_tf import config
from sagan_tf.errors import ConfigError
from sagan_tf.keras_compat import named_layers
from sagan_tf.layers.conditional_batch_norm import ConditionalBatchNormalization
from sagan_tf.layers.spectral_norm import SpectralDense, u_kept
from sagan_tf.models import recipe


def train(config, batch, steps=3):
    """A model whose batch norm uses the moving moments, after some steps; and the step's graph."""
    model = recipe.build(config)
    for _, layer in named_layers(model.generator):
        if isinstance(layer, ConditionalBatchNormalization):
            layer.normalization.trainable = False
    batch = tuple(map(tf.constant, batch))
    step = tf.function(model.train_step)
    for _ in range(steps):
        step(batch)
    return model, step.get_concrete_function(batch).graph


@pytest.mark.parametrize("steps", [2, 4])
def test_weights_equal_those_of_the_whole_batch(tiny_config, tiny_batch, whole, steps):
    """All variables: weights, EMA, every `u`, moments of Adam, means of the metrics."""
    model, graph = train(tiny_config.replace(accumulation_steps=steps), tiny_batch)
    assert model.step.numpy() == 3
    for one, other in zip(everything(whole[0]), everything(model)):
        np.testing.assert_allclose(one, other, rtol=2e-3, atol=2e-5, err_msg=one.name)
    check_one_after_the_other(graph, steps)


def check_one_after_the_other(graph, steps):
    """G's updates: the images of a micro-batch depend on the gradients of the one before."""
    forward = [op for op in graph.get_operations() if op.type == "Tanh"][-steps:]
    backward = [op for op in graph.get_operations() if op.type == "TanhGrad"]
    assert len(backward) == steps
    for before, images in zip([None, *backward], forward):
        assert (
            not set(backward) & ancestors(images)
            if before is None
            else (before in ancestors(images))
        )


@pytest.fixture(scope="module")
def whole(tiny_config, tiny_batch):
    return train(tiny_config, tiny_batch)


def everything(model):
    optimizers = model.generator_optimizer, model.discriminator_optimizer
    return [*model.variables, *(v for optimizer in optimizers for v in optimizer.variables)]


def ancestors(operation):
    seen, waiting = set(), [operation]
    while waiting:
        op = waiting.pop()
        for before in (*(tensor.op for tensor in op.inputs), *op.control_inputs):
            if before not in seen:
                seen.add(before)
                waiting.append(before)
    return seen


def test_u_moves_once_however_many_calls():
    layer = SpectralDense(3)
    inputs = tf.random.stateless_normal((2, 5), (0, 1))
    layer.build(inputs.shape)
    start = np.array(layer.u)
    with u_kept():
        kept = layer(inputs, training=True)
    np.testing.assert_array_equal(layer.u, start)
    stored = layer(inputs, training=True)
    np.testing.assert_array_equal(kept, stored)
    assert not np.array_equal(layer.u, start)


def test_batches_that_cannot_be_cut_are_refused(tiny_config, tiny_batch):
    with pytest.raises(ConfigError, match="accumulation_steps=3 .*divisor of global_batch_size=4"):
        tiny_config.replace(accumulation_steps=3)
    model = recipe.build(tiny_config.replace(accumulation_steps=4))
    images, labels = tiny_batch
    with pytest.raises(ConfigError, match="batch_size=2 .*d_steps=1 times accumulation_steps=4"):
        model.train_step((tf.constant(images[:2]), tf.constant(labels[:2])))
    with pytest.raises(ConfigError, match="accumulation_steps=0"):
        config.ExperimentConfig(accumulation_steps=0)
