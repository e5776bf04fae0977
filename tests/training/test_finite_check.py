"""Losses, gradients and weights that are not finite: training stops and saves nothing of them."""

import io
import os
import signal
import types

import numpy as np
import pytest
import tensorflow as tf

from sagan_tf.errors import TrainingError
from sagan_tf.keras_compat import named_variables
from sagan_tf.losses import AdversarialLoss
from sagan_tf.models import factory
from sagan_tf.models.finiteness import WeightCheck
from sagan_tf.runs import run_directory
from sagan_tf.runs.checkpoints import Checkpoints, saved_steps
from sagan_tf.training import actions, loop
from sagan_tf.training.finite_check import FiniteCheck

BAD_STEP = 3  # steps done when the bad update begins


@pytest.fixture(scope="module")
def config(tiny_config):
    """Four steps; a checkpoint is due after each second step."""
    return tiny_config.replace(
        num_classes=10,
        base_channels=2,
        train_steps=4,
        steps_per_loop=1,
        log_every=100,
        sample_every=100,
        checkpoint_every=2,
    )


@tf.custom_gradient
def infinite_gradient(losses, is_bad):
    """The same losses; their gradient is infinite where `is_bad`."""

    def gradient(upstream):
        return tf.where(is_bad, np.inf, 1.0) * upstream, None

    return tf.identity(losses), gradient


def nan_loss(losses, is_bad):
    return tf.where(is_bad, np.nan, losses)


def spoil_losses(model, network, spoil, is_here=lambda: True):
    """Makes the loss of a network bad at one step, on the replicas where `is_here`."""

    def spoiled(name):
        loss = getattr(usual, name)

        def compute(*logits):
            is_bad = (model.step == BAD_STEP) & is_here()
            return spoil(loss(*logits), is_bad) if name == network else loss(*logits)

        return compute

    usual = model._adversarial
    model._adversarial = AdversarialLoss(spoiled("discriminator"), spoiled("generator"))


def train(config, run_dir, change, after_each_call=lambda model: None):
    """Trains with a model that `change` has changed."""

    def compile_steps(model, strategy):
        change(model)
        run_steps = loop.compiled_loop(model, strategy)

        def run(iterator, count):
            run_steps(iterator, count)
            after_each_call(model)

        return run

    return loop.train(config, run_dir, stream=io.StringIO(), compile_steps=compile_steps)


def saved(run_dir):
    return saved_steps(str(run_dir / "checkpoints"))


@pytest.mark.parametrize("network", ["discriminator", "generator"])
@pytest.mark.parametrize("spoil", [infinite_gradient, nan_loss])
def test_a_checkpoint_due_at_a_bad_step_is_not_saved(config, tmp_path, network, spoil):
    with pytest.raises(TrainingError) as caught:
        train(config, tmp_path / "run", lambda model: spoil_losses(model, network, spoil))
    assert str(caught.value).startswith(
        "the loss or a gradient is not finite at step 3; step 2 is the last good checkpoint in "
    )
    assert saved(tmp_path / "run") == [2]


def test_a_signal_at_a_bad_step_saves_nothing(config, tmp_path):
    def stop(model):
        if model.step.numpy() == BAD_STEP + 1:
            os.kill(os.getpid(), signal.SIGTERM)

    config = config.replace(train_steps=9, checkpoint_every=3)
    with pytest.raises(TrainingError, match="step 3; step 3 is the last good checkpoint"):
        train(
            config,
            tmp_path / "run",
            lambda model: spoil_losses(model, "discriminator", infinite_gradient),
            stop,
        )
    assert saved(tmp_path / "run") == [3]


def poison(model):
    """Makes one weight of G NaN, as a step that hides it would leave it."""
    if model.step.numpy() == BAD_STEP:
        kernel = named_variables(model.generator)["block1/conv1/kernel"]
        kernel.assign(tf.fill(kernel.shape, np.nan))


@pytest.mark.parametrize("log_every", [3, 100])
def test_weights_that_are_not_finite_stop_training_at_the_next_log_or_save(
    config, tmp_path, log_every
):
    """Their losses may be finite: oneDNN's relu of NaN is 0."""
    config = config.replace(log_every=log_every, checkpoint_minutes=None)
    with pytest.raises(TrainingError) as caught:
        train(config, tmp_path / "run", lambda model: None, poison)
    assert "step 2 is the last good checkpoint" in str(caught.value)
    if log_every == 3:
        assert "weight generator/block1/conv1/kernel is not finite at step 3" in str(caught.value)
    assert saved(tmp_path / "run") == [2]


def test_a_checkpoint_with_weights_that_are_not_finite_is_not_resumed(config, tmp_path):
    run = run_directory.start(tmp_path / "run", config)
    model = factory.build_model(config)
    model.step.assign(BAD_STEP)
    poison(model)
    Checkpoints(model, run.checkpoints).save()
    with pytest.raises(TrainingError, match="checkpoint of step 3 .*holds weights .*conv1/kernel"):
        loop.train(config, run.path, stream=io.StringIO())
    assert saved(tmp_path / "run") == [BAD_STEP]
    assert not (tmp_path / "run" / "metrics.jsonl").exists()


def test_nothing_is_scored_after_a_bad_step(config, tmp_path):
    model = factory.build_model(config)
    check = FiniteCheck(model, Checkpoints(model, str(tmp_path)), "RUN")
    scorer = types.SimpleNamespace(score=lambda *_: pytest.fail("scored"))
    score = actions.Score(config.replace(eval_every=1), model, scorer, None, check)
    model.first_nonfinite_step.assign(0)
    with pytest.raises(TrainingError, match="not finite at step 0; nothing was saved in RUN"):
        score(1)


@pytest.mark.parametrize("network", ["generator", "discriminator", "ema_generator"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_every_weight_is_looked_at(tiny_model, network, value):
    check = WeightCheck(tiny_model)
    assert check.first_nonfinite() is None
    for name, variable in named_variables(getattr(tiny_model, network)).items():
        usual = variable.numpy()
        changed = np.array(usual)
        changed.flat[-1] = value
        variable.assign(changed)
        assert check.first_nonfinite() == f"{network}/{name}"
        variable.assign(usual)


def test_a_gradient_of_the_second_replica_is_seen_at_its_step(
    tiny_config, tiny_batch, two_replicas
):
    """Each replica has gradients of its own. Those of D are not joined by a batch norm."""
    with two_replicas.scope():
        model = factory.build_model(tiny_config)

    def is_second():
        return tf.distribute.get_replica_context().replica_id_in_sync_group == 1

    spoil_losses(model, "discriminator", infinite_gradient, is_second)
    model.step.assign(BAD_STEP)
    data = tf.data.Dataset.from_tensors(tiny_batch).unbatch().batch(4).repeat()
    iterator = iter(two_replicas.experimental_distribute_dataset(data))
    loop.compiled_loop(model, two_replicas)(iterator, tf.constant(1))
    assert model.first_nonfinite_step.numpy() == BAD_STEP
