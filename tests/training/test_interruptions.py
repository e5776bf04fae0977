"""Training that others disturb: signals, threads, and a second process in the same directory."""

import io
import os
import signal
import threading

import pytest

from sagan_tf.config import get
from sagan_tf.errors import RunDirectoryError
from sagan_tf.runs.checkpoints import saved_steps
from sagan_tf.training import loop


@pytest.fixture(scope="module")
def config():
    return get("fashion_mnist_32").replace(
        preset="small",
        resolution=16,
        base_channels=4,
        latent_dim=8,
        attention_resolution=None,
        global_batch_size=4,
        train_steps=6,
        steps_per_loop=1,
        log_every=1,
        sample_every=6,
        checkpoint_every=6,
        eval_every=None,
    )


class Stream(io.StringIO):
    """Progress that calls a function at the line of step 2."""

    def __init__(self, function):
        super().__init__()
        self._function = function

    def write(self, text):
        if text.startswith("step 2/"):
            self._function()
        return super().write(text)


@pytest.fixture
def handle_sighup():
    """Sets the handler of SIGHUP, and restores the old one at the end."""
    before = signal.getsignal(signal.SIGHUP)
    yield lambda handler: signal.signal(signal.SIGHUP, handler)
    signal.signal(signal.SIGHUP, before)


def test_sighup_saves_like_sigterm(config, tmp_path, handle_sighup):
    handle_sighup(signal.SIG_DFL)
    stream = Stream(lambda: os.kill(os.getpid(), signal.SIGHUP))
    loop.train(config, str(tmp_path), stream=stream)
    assert "Stopped by SIGHUP at step 2; saved" in stream.getvalue()
    assert saved_steps(str(tmp_path / "checkpoints")) == [2]
    assert signal.getsignal(signal.SIGHUP) == signal.SIG_DFL
    handle_sighup(signal.SIG_IGN)  # as a process under `nohup` begins
    stream = Stream(lambda: os.kill(os.getpid(), signal.SIGHUP))
    loop.train(config, str(tmp_path), stream=stream)
    assert saved_steps(str(tmp_path / "checkpoints"))[-1] == 6


def test_training_runs_in_a_thread_and_refuses_a_second_one(config, tmp_path):
    """In-process as a web application would; the second one stands for another process."""
    refused, ends = [], []

    def train_again():
        try:
            loop.train(config, str(tmp_path), stream=io.StringIO())
        except RunDirectoryError as error:
            refused.append(str(error))

    def train():
        ends.append(int(loop.train(config, str(tmp_path), stream=Stream(train_again)).step))

    thread = threading.Thread(target=train)
    thread.start()
    thread.join()
    assert ends == [6]
    assert len(refused) == 1 and f"in use by process {os.getpid()} on " in refused[0]
    lines = (tmp_path / "metrics.jsonl").read_text().splitlines()
    assert len(lines) == 6 and not (tmp_path / "lock.json").exists()
