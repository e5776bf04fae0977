"""Actions of training: their order, and what each does on a worker that is not the chief."""

import types

import pytest
import tensorflow as tf

from sagan_tf.errors import RunDirectoryError
from sagan_tf.models import factory
from sagan_tf.runs import run_directory
from sagan_tf.runs.checkpoints import Checkpoints
from sagan_tf.training import actions, loop
from sagan_tf.training.finite_check import FiniteCheck
from sagan_tf.training.signals import StopRequest
from sagan_tf.training.workers import Workers


class Recorded(actions.Action):
    """An action that notes when it acts."""

    def __init__(self, name, every, calls):
        super().__init__(every)
        self._name, self._calls = name, calls

    def __call__(self, step):
        self._calls.append((step, self._name))

    def is_overdue(self):
        return False


def test_actions_act_in_their_order_at_their_steps_and_at_the_last(tiny_config):
    calls, counts = [], []
    log, sample, save = (
        Recorded(name, every, calls) for name, every in (("log", 2), ("sample", 3), ("save", 4))
    )
    config = tiny_config.replace(train_steps=7, steps_per_loop=10)
    workers = Workers(tf.distribute.get_strategy())
    result = loop._run_loop(
        config, 1, counts.append, [log, sample, save], save, workers, StopRequest(True)
    )
    assert result == (7, None)
    assert counts == [1, 1, 1, 2, 1]  # from step 1: to 2, 3, 4, 6 and 7
    assert calls == [
        (2, "log"),
        (3, "sample"),
        (4, "log"),
        (4, "save"),
        (6, "log"),
        (6, "sample"),
        (7, "log"),
        (7, "sample"),
        (7, "save"),
    ]


def test_a_worker_that_is_not_the_chief_writes_nothing(tiny_config, tmp_path):
    config = tiny_config.replace(checkpoint_minutes=1e-9)
    run = run_directory.start(tmp_path / "run", config)
    before = sorted(tmp_path.rglob("*"))
    model = factory.build_model(config)
    workers = types.SimpleNamespace(is_chief=False)
    checkpoints = Checkpoints(model, run.checkpoints)
    check_finite = FiniteCheck(model, checkpoints, run.path)
    save = actions.Save(config, checkpoints, workers, check_finite, None)
    save(3)
    checkpoints.finish()
    actions.Sample(run, model, workers, None)(3)
    assert sorted(tmp_path.rglob("*")) == before
    assert not save.is_overdue()  # the chief's clock counts


def test_a_chief_that_lost_its_lock_saves_nothing(tiny_config, tmp_path):
    run = run_directory.start(tmp_path / "run", tiny_config)
    model = factory.build_model(tiny_config)
    checkpoints = Checkpoints(model, run.checkpoints)
    workers = types.SimpleNamespace(is_chief=True)

    def check_lock():
        raise RunDirectoryError("in use")

    save = actions.Save(tiny_config, checkpoints, workers, lambda step: None, check_lock)
    with pytest.raises(RunDirectoryError, match="in use"):
        save(3)
    checkpoints.finish()
    assert not (tmp_path / "run" / "checkpoints").exists()


@pytest.mark.parametrize(("num_classes", "classes"), [(3, [0, 1, 2]), (None, [0] * 10)])
def test_a_sample_grid_has_a_row_for_each_class(tiny_config, num_classes, classes):
    latents, labels = actions.sample_inputs(tiny_config.replace(num_classes=num_classes))
    assert labels.numpy().reshape(-1, 10)[:, 0].tolist() == classes
    assert latents.shape == (10 * len(classes), 8)
    classes = actions.sample_inputs(tiny_config.replace(num_classes=1000))[1]
    assert classes.numpy()[::10].tolist() == [0, 111, 222, 333, 444, 555, 666, 777, 888, 999]
