"""Checkpoints: damage, other architectures, full disks, threads, numbers of replicas."""

import os
import shutil

import keras
import numpy as np
import pytest
import tensorflow as tf

import sagan_tf
from sagan_tf.errors import ConfigError, RunDirectoryError
from sagan_tf.keras_compat import IS_KERAS_3
from sagan_tf.models import factory
from sagan_tf.runs import run_directory
from sagan_tf.runs.checkpoints import Checkpoints


@pytest.fixture(scope="module")
def model(tiny_config):
    """One model for all tests of this file: they set its step, and look at its first kernel."""
    return factory.build_model(tiny_config)


@pytest.fixture
def saved(model, tmp_path):
    """A directory with checkpoints of steps 1, 2 and 3; in each, the kernel is full of the step."""
    checkpoints = Checkpoints(model, str(tmp_path / "checkpoints"))
    for step in (1, 2, 3):
        set_step(model, step)
        checkpoints.save()
    set_step(model, 0)
    return tmp_path / "checkpoints"


def set_step(model, step):
    model.step.assign(step)
    model.generator.dense.kernel.assign(np.full(model.generator.dense.kernel.shape, step))


def step_of(model):
    """The step of all that was restored."""
    kernel = np.array(model.generator.dense.kernel)
    assert np.all(kernel == kernel.flat[0])
    assert kernel.flat[0] == int(model.step)
    return int(model.step)


def truncate(path):
    os.truncate(path, os.path.getsize(path) // 2)


def flip_a_byte(path):
    contents = bytearray(path.read_bytes())
    contents[len(contents) // 2] ^= 0xFF
    path.write_bytes(contents)


@pytest.mark.parametrize(
    ("name", "harm"),
    [
        ("step-3.data-00000-of-00001", truncate),
        ("step-3.data-00000-of-00001", flip_a_byte),
        ("step-3.data-00000-of-00001", os.remove),
        ("step-3.index", truncate),
        ("step-3.index", lambda path: os.truncate(path, 0)),
        ("step-3.index", os.remove),
    ],
)
def test_a_damaged_newest_checkpoint_gives_way_to_the_one_before(model, saved, name, harm):
    harm(saved / name)
    warnings = []
    checkpoints = Checkpoints(model, str(saved))
    assert checkpoints.restore(warn=warnings.append) == step_of(model) == 2
    (warning,) = warnings
    assert "step-3 is damaged (" in warning and warning.endswith("; taking the one before it")
    with pytest.raises(RunDirectoryError, match="step-3 is damaged"):
        checkpoints.restore(step=3)
    # Training comes to step 3 again and writes it anew.
    set_step(model, 3)
    checkpoints.save()
    assert Checkpoints(model, str(saved)).restore(warn=pytest.fail) == 3


def test_all_damaged_is_an_error(model, saved):
    for path in saved.glob("*.data*"):
        truncate(path)
    warnings = []
    with pytest.raises(RunDirectoryError, match="step-1 is damaged .*there is no other to take"):
        Checkpoints(model, str(saved)).restore(warn=warnings.append)
    assert len(warnings) == 2


def test_without_tensorflows_list_the_files_count(model, saved):
    os.remove(saved / "checkpoint")
    checkpoints = Checkpoints(model, str(saved))
    assert checkpoints.steps() == [1, 2, 3]
    assert checkpoints.restore() == step_of(model) == 3


def test_another_architecture_is_an_error_that_names_the_difference(tiny_config, saved, model):
    before = contents(saved)
    wider = factory.build_model(tiny_config.replace(base_channels=4))
    with pytest.raises(RunDirectoryError, match=r"does not fit .*discriminator/.* in the file, "):
        Checkpoints(wider, str(saved)).restore(warn=pytest.fail)
    unconditional = factory.build_model(tiny_config.replace(num_classes=None))
    with pytest.raises(RunDirectoryError, match="discriminator/embedding/.* in the file, not here"):
        Checkpoints(unconditional, str(saved)).restore(warn=pytest.fail)
    assert contents(saved) == before


def contents(directory):
    return {path.name: path.read_bytes() for path in directory.iterdir()}


def test_a_full_disk_is_one_line_and_leaves_the_old_checkpoints(model, saved, monkeypatch):
    """Writes fail as they do on a full disk, whatever the user of the test may do to files."""
    before = contents(saved)
    checkpoints = Checkpoints(model, str(saved), keep=2)

    def full(*args, **kwargs):
        raise tf.errors.ResourceExhaustedError(None, None, f"{saved}/step-4; No space left")

    monkeypatch.setattr(tf.train.CheckpointManager, "save", full)
    set_step(model, 4)
    checkpoints.save(wait=False)
    with pytest.raises(RunDirectoryError, match=r"of step 4 cannot be written to .*No space left"):
        checkpoints.finish()
    checkpoints.finish()  # said once
    assert contents(saved) == before
    assert Checkpoints(model, str(saved)).restore() == 3


def test_a_directory_that_is_in_the_way(model, saved):
    """TensorFlow's own error on a path that cannot be written, from the thread."""
    before = contents(saved)
    (saved / "step-4_temp").write_text("in the way")
    set_step(model, 4)
    with pytest.raises(RunDirectoryError, match="checkpoint of step 4 cannot be written"):
        Checkpoints(model, str(saved)).save()
    os.remove(saved / "step-4_temp")
    assert contents(saved) == before


def test_training_goes_on_while_the_copy_is_written(model, tmp_path, monkeypatch):
    checkpoints = Checkpoints(model, str(tmp_path))
    write = tf.train.CheckpointManager.save

    def write_after_the_next_step(*args, **kwargs):
        set_step(model, 8)
        return write(*args, **kwargs)

    monkeypatch.setattr(tf.train.CheckpointManager, "save", write_after_the_next_step)
    set_step(model, 7)
    checkpoints.save(wait=False)
    assert checkpoints.steps() == [7]  # waits
    assert step_of(model) == 8
    checkpoints.restore()
    assert step_of(model) == 7


def test_only_the_last_are_kept(model, saved):
    checkpoints = Checkpoints(model, str(saved), keep=2)
    for step in (4, 5):
        set_step(model, step)
        checkpoints.save(wait=False)
    assert checkpoints.steps() == [4, 5]
    assert not list(saved.glob("step-3*"))


def test_a_checkpoint_that_training_replaces_meanwhile_is_not_damage(model, saved, monkeypatch):
    read = Checkpoints._read

    def read_too_late(self, path):
        for file in saved.glob("step-3.*"):
            file.rename(saved / file.name.replace("step-3", "step-4"))
        return read(self, path)

    monkeypatch.setattr(Checkpoints, "_read", read_too_late)
    assert Checkpoints(model, str(saved)).restore(warn=pytest.fail) == 4


def test_the_name_of_the_current_directory_does_not_count(model, tmp_path, monkeypatch):
    """TensorFlow would read `[16] photos/run` as a pattern; a user there types `run`."""
    directory = tmp_path / "[16] photos"
    directory.mkdir()
    monkeypatch.chdir(directory)
    checkpoints = Checkpoints(model, "run", keep=1)
    for step in (4, 5):
        set_step(model, step)
        checkpoints.save()
    set_step(model, 0)
    assert Checkpoints(model, "run").restore() == step_of(model) == 5
    assert not list((directory / "run").glob("step-4*"))


@pytest.mark.parametrize(
    "optimizer",
    [
        lambda: keras.optimizers.SGD(0.1),
        lambda: keras.optimizers.Adam(0.1, amsgrad=True),
        lambda: keras.optimizers.Adam(0.1, use_ema=True),
        lambda: keras.optimizers.Nadam(0.1),
    ],
)
def test_an_optimizer_with_other_state_is_refused(tiny_model, tmp_path, optimizer):
    """Resuming would begin with another state, without a word."""
    tiny_model.compile(discriminator_optimizer=optimizer())
    with pytest.raises(ConfigError, match="optimizer=.* is not allowed; .*optimizers.Adam without"):
        Checkpoints(tiny_model, str(tmp_path))
    tiny_model.compile(keras.optimizers.Adam(0.1), keras.optimizers.AdamW(0.2))
    Checkpoints(tiny_model, str(tmp_path)).save()
    assert Checkpoints(tiny_model, str(tmp_path)).restore() == 0
    assert tf.train.latest_checkpoint(tmp_path).endswith("step-0")


def test_load_warns_of_damage(tiny_config, model, saved, tmp_path):
    run = run_directory.start(tmp_path / "run", tiny_config)
    shutil.copytree(saved, run.checkpoints)
    truncate(os.path.join(run.checkpoints, "step-3.index"))
    with pytest.warns(UserWarning, match="step-3 is damaged"):
        assert sagan_tf.load(run.path).step.numpy() == 2


def test_two_replicas_restore_what_one_saved_and_the_other_way(
    tiny_config, model, saved, two_replicas, tmp_path
):
    with two_replicas.scope():
        mirrored = factory.build_model(tiny_config.replace(seed=1))
    assert Checkpoints(mirrored, str(saved)).restore() == 3
    set_step(model, 3)
    one = Checkpoints(model, str(saved))
    one.restore()
    for single, double in zip(all_variables(model), all_variables(mirrored)):
        double = double.value if IS_KERAS_3 else double
        for copy in two_replicas.experimental_local_results(double):
            np.testing.assert_array_equal(single, copy, err_msg=single.name)
    set_step(mirrored, 9)
    Checkpoints(mirrored, str(tmp_path / "back")).save()
    Checkpoints(model, str(tmp_path / "back")).restore()
    assert step_of(model) == 9


def all_variables(model):
    optimizers = model.generator_optimizer, model.discriminator_optimizer
    return [*model.variables, *(v for optimizer in optimizers for v in optimizer.variables)]
