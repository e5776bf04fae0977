"""Training in mixed_bfloat16 tracks training in float32."""

import numpy as np
import pytest
import tensorflow as tf

from sagan_tf.data import pipeline, sources
from sagan_tf.models import factory

STEPS = 30


def train(config):
    """Losses of each step, (steps, 2), and how far the weights moved, one long vector."""
    model = factory.build_model(config)
    variables = model.generator.trainable_variables + model.discriminator.trainable_variables
    start = [np.array(variable) for variable in variables]
    step, losses = tf.function(model.train_step), []
    for batch in pipeline.training_batches(sources.open_source(config), config).take(STEPS):
        metrics = step(batch)
        losses.append([float(metrics[f"{n}_loss"]) for n in ("discriminator", "generator")])
        model.reset_metrics()
    moved = [np.ravel(np.array(v) - old) for v, old in zip(variables, start)]
    return np.array(losses), np.concatenate(moved)


@pytest.fixture(scope="module")
def runs(tiny_config):
    """The same run on garments in both precisions."""
    config = tiny_config.replace(num_classes=10, global_batch_size=16)
    return [train(config.replace(precision=p)) for p in ("float32", "mixed_bfloat16")]


def test_losses_track(runs):
    (losses, _), (others, _) = runs
    assert np.ptp(losses[:, 0]) > 1  # D learns something in these steps
    assert np.abs(losses - others).mean() < 0.05


def test_weights_track(runs):
    (_, moved), (_, other) = runs
    assert 0 < np.linalg.norm(moved - other) < 0.2 * np.linalg.norm(moved)
