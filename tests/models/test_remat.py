"""Training with `remat`: the same run, in less memory."""

import numpy as np
import pytest
import tensorflow as tf

from sagan_tf.models import recipe
from sagan_tf.training import summary


def train(config, batch, strategy=None):
    """All variables after two steps."""
    strategy = strategy or tf.distribute.get_strategy()
    with strategy.scope():
        model = recipe.build(config)
    data = tf.data.Dataset.from_tensors(batch).unbatch().batch(len(batch[0]), True)
    batch = next(iter(strategy.experimental_distribute_dataset(data)))
    step = tf.function(lambda batch: strategy.run(model.train_step, args=(batch,)))
    for _ in range(2):
        step(batch)
    optimizers = model.generator_optimizer, model.discriminator_optimizer
    return [*model.variables, *(v for optimizer in optimizers for v in optimizer.variables)]


@pytest.fixture(scope="module")
def plain(tiny_config, tiny_batch):
    return train(tiny_config, tiny_batch)


def check_equal(variables, others):
    assert len(variables) == len(others) > 100
    for one, other in zip(variables, others):
        one, other = (tf.convert_to_tensor(variable) for variable in (one, other))
        np.testing.assert_allclose(one, other, rtol=2e-3, atol=2e-5)


def test_all_variables_equal_those_of_the_plain_run(plain, tiny_config, tiny_batch):
    """Weights, EMA, every `u`, moving statistics, moments of Adam, means of the metrics."""
    check_equal(train(tiny_config.replace(remat=True), tiny_batch), plain)


def test_on_two_replicas(plain, tiny_config, tiny_batch, two_replicas):
    """But for biases, since batch norm makes the gradients of most of them rounding errors, and
    for metrics, which Keras 2 adds up over replicas.
    """
    variables = train(tiny_config.replace(remat=True), tiny_batch, two_replicas)
    left_out = ("bias", "total", "count")
    pairs = [
        (one, other)
        for one, other in zip(variables, plain)
        if not any(name in other.name for name in left_out)
    ]
    check_equal(*zip(*pairs))


def test_it_takes_less_memory(tiny_config):
    """The memory that --dry_run states."""
    config = tiny_config.replace(resolution=32)
    plain, remat = (
        summary.activation_bytes(recipe.build(config.replace(remat=remat)), 8)
        for remat in (False, True)
    )
    assert 0 < remat < 0.7 * plain


def test_the_averaged_generator_has_nothing_of_it(tiny_config):
    def operations(config):
        model = recipe.build(config)
        inputs = tf.zeros((2, 8)), tf.zeros((2,), tf.int32)
        graph = tf.function(lambda *x: model(*x)).get_concrete_function(*inputs).graph
        return [op.type for op in graph.get_operations()]

    assert operations(tiny_config) == operations(tiny_config.replace(remat=True))


def test_files_remember_it(tiny_config):
    model = recipe.build(tiny_config.replace(remat=True))
    assert type(model).from_config(model.get_config()).discriminator.remat is True
