"""Signals during training, and training where none can be caught."""

import io
import os
import signal
import threading

import pytest

import sagan_tf
from sagan_tf.errors import DataError, UserError
from sagan_tf.runs.checkpoints import saved_steps
from sagan_tf.training import loop
from sagan_tf.training.signals import stop_request


@pytest.fixture
def config(tiny_config):
    return tiny_config.replace(num_classes=10, base_channels=2, train_steps=1, steps_per_loop=1)


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_the_first_signal_is_noted_and_the_usual_handlers_return(name):
    number = getattr(signal, name)
    came = []
    usual = signal.signal(number, lambda *_: came.append(name))
    try:
        with stop_request() as request:
            assert request.can_come and request.signal_name is None
            os.kill(os.getpid(), number)
            assert request.signal_name == name and not came
            os.kill(os.getpid(), number)
            assert came == [name]
        os.kill(os.getpid(), number)
        assert came == [name, name]
    finally:
        signal.signal(number, usual)


def test_a_process_under_nohup_still_ignores_sighup():
    usual = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with stop_request() as request:
            os.kill(os.getpid(), signal.SIGHUP)
            assert request.signal_name is None
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, usual)


def test_training_works_in_a_thread(config, tmp_path):
    stream, errors = io.StringIO(), []

    def train():
        try:
            loop.train(config, tmp_path / "run", stream=stream)
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=train)
    thread.start()
    thread.join()
    assert not errors
    assert "Signals do not save a checkpoint: this is not the main thread." in stream.getvalue()
    assert saved_steps(str(tmp_path / "run" / "checkpoints")) == [1]


@pytest.mark.parametrize(
    ("mistake", "error"),
    [({"num_classes": 1}, DataError), ({"eval_every": 1, "eval_network": "/no/file"}, UserError)],
)
def test_a_start_that_is_refused_leaves_the_directory_to_the_corrected_one(
    config, tmp_path, mistake, error
):
    run_dir = tmp_path / "run"
    with pytest.raises(error):
        loop.train(config.replace(**mistake), run_dir, stream=io.StringIO())
    assert not (run_dir / "config.json").exists() and not (run_dir / "class_names.json").exists()
    stream = io.StringIO()
    loop.train(config, run_dir, stream=stream)
    assert "Starting at step 0" in stream.getvalue()
    assert sagan_tf.load(run_dir).class_names[0] == "T-shirt/top"
