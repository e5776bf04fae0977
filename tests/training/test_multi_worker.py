"""Two real processes under `MultiWorkerMirroredStrategy`, on loopback."""

import re
import signal
import socket

import pytest

from sagan_tf.keras_compat import IS_KERAS_3
from tests.training import processes

# Adam makes a full step of any gradient, however small: without a larger epsilon the biases in
# front of batch norm, whose gradients are 0, would walk by rounding errors.
SETTINGS = {"train_steps": 20, "checkpoint_every": 4, "adam_epsilon": 1e-3}


@pytest.fixture
def cluster():
    """Starts both workers of one cluster, as often as it is called."""
    with socket.socket() as one, socket.socket() as other:
        for server in (one, other):
            server.bind(("127.0.0.1", 0))
        addresses = [f"127.0.0.1:{server.getsockname()[1]}" for server in (one, other)]
    started = []

    def start(run_dir):
        for index in (0, 1):
            tf_config = {
                "cluster": {"worker": addresses},
                "task": {"type": "worker", "index": index},
            }
            process = processes.start(run_dir, tf_config, strategy="multi_worker", **SETTINGS)
            started.append(process)
        return started[-2:]

    yield start
    for process in started:
        process.kill()
        process.wait()


@pytest.mark.skipif(not IS_KERAS_3, reason="refused under Keras 2.15: test_strategy.py")
def test_two_workers_equal_one_and_survive_the_death_of_one(cluster, tmp_path):
    single = processes.start(tmp_path / "one", **SETTINGS)
    run_dir = tmp_path / "two"
    chief, worker = cluster(run_dir)
    processes.wait_for_step(run_dir, 5, chief, worker)
    worker.send_signal(signal.SIGKILL)
    output = chief.communicate(timeout=120)[0]  # TensorFlow notices a silent worker after 10 s
    assert chief.returncode == 2, output
    (error,) = [line for line in output.splitlines() if line.startswith("error:")]
    assert "a worker is lost; start all workers again to go on from the last checkpoint" in error
    assert "Traceback" not in output

    chief, worker = cluster(run_dir)
    outputs = [process.communicate(timeout=300)[0] for process in (chief, worker)]
    assert (chief.returncode, worker.returncode) == (0, 0), outputs
    assert int(re.search(r"Resuming at step (\d+)", outputs[0]).group(1)) >= 4
    assert "2 replicas, 1 of them here" in outputs[0]
    assert "step" not in outputs[1]  # the chief alone reports
    assert len(list(run_dir.glob("events.*"))) == 2  # and writes: one file a start
    assert processes.steps_logged(run_dir) == list(range(1, SETTINGS["train_steps"] + 1))

    output = single.communicate()[0]
    assert single.returncode == 0, output
    one, two = processes.weights(tmp_path / "one"), processes.weights(run_dir)
    processes.assert_equal(one, two, rtol=1e-3, atol=1e-4)
