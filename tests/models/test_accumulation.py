"""Gradient accumulation: the update of the whole batch, from parts of it."""

import numpy as np
import pytest
import tensorflow as tf

from sagan_tf import config
from sagan_tf.errors import ConfigError
from sagan_tf.keras_compat import named_layers
from sagan_tf.layers.conditional_batch_norm import ConditionalBatchNormalization
from sagan_tf.models import factory


def train(config, batch, steps=3):
    """A model whose batch norm uses the moving moments, after some steps."""
    model = factory.build_model(config)
    for _, layer in named_layers(model.generator):
        if isinstance(layer, ConditionalBatchNormalization):
            layer.normalization.trainable = False
    batch = tuple(map(tf.constant, batch))
    step = tf.function(model.train_step)
    for _ in range(steps):
        step(batch)
    return model


@pytest.mark.parametrize("steps", [2, 4])
def test_weights_equal_those_of_the_whole_batch(tiny_config, tiny_batch, whole, steps):
    """All variables: weights, EMA, every `u`, moments of Adam, means of the metrics."""
    model = train(tiny_config.replace(accumulation_steps=steps), tiny_batch)
    assert model.step.numpy() == 3
    for one, other in zip(everything(whole), everything(model)):
        np.testing.assert_allclose(one, other, rtol=2e-3, atol=2e-5, err_msg=one.name)


@pytest.fixture(scope="module")
def whole(tiny_config, tiny_batch):
    return train(tiny_config, tiny_batch)


def everything(model):
    optimizers = model.generator_optimizer, model.discriminator_optimizer
    return [*model.variables, *(v for optimizer in optimizers for v in optimizer.variables)]


def test_batches_that_cannot_be_cut_are_refused(tiny_config, tiny_batch):
    with pytest.raises(ConfigError, match="accumulation_steps=3 .*divisor of global_batch_size=4"):
        tiny_config.replace(accumulation_steps=3)
    model = factory.build_model(tiny_config.replace(accumulation_steps=4))
    images, labels = tiny_batch
    with pytest.raises(ConfigError, match="batch_size=2 .*d_steps=1 times accumulation_steps=4"):
        model.train_step((tf.constant(images[:2]), tf.constant(labels[:2])))
    with pytest.raises(ConfigError, match="accumulation_steps=0"):
        config.ExperimentConfig(accumulation_steps=0)
