"""Workers that meet before TensorFlow connects them; absent ones are named, and the wait ends."""

import concurrent.futures
import signal
import socket
import time

import pytest

from sagan_tf.errors import UserError
from sagan_tf.training import rendezvous
from tests.training import processes


@pytest.fixture(autouse=True)
def short_limits(monkeypatch):
    monkeypatch.setattr(rendezvous, "_LIMIT_SECONDS", 3)
    monkeypatch.setattr(rendezvous, "_POLL_SECONDS", 0.05)
    monkeypatch.setattr(rendezvous, "_ANSWER_SECONDS", 0.5)


def free_addresses(count):
    servers = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    addresses = [f"127.0.0.1:{server.getsockname()[1]}" for server in servers]
    for server in servers:
        server.close()
    return addresses


def start(pool, cluster, kind, index):
    said = []
    return pool.submit(rendezvous.meet, cluster, kind, index, said.append), said


@pytest.fixture
def pool():
    with concurrent.futures.ThreadPoolExecutor() as pool:
        yield pool


@pytest.mark.parametrize("with_chief", [False, True])
def test_all_workers_go_on_together_whoever_starts_first(pool, with_chief):
    first, second, third = free_addresses(3)
    cluster = {"worker": [first, second, third]}
    if with_chief:
        cluster = {"chief": [first], "worker": [second, third]}
    tasks = [(kind, index) for kind, part in cluster.items() for index in range(len(part))]
    futures = [start(pool, cluster, *task)[0] for task in reversed(tasks)]
    for future in futures:
        assert future.result(timeout=30) is None
    with socket.create_server(("127.0.0.1", int(first.rpartition(":")[2]))):
        pass  # the chief's port is free again, for TensorFlow


def test_an_absent_worker_is_named_by_all(pool):
    addresses = free_addresses(3)
    cluster = {"worker": addresses}
    chief, said = start(pool, cluster, "worker", 0)
    other, _ = start(pool, cluster, "worker", 1)
    for future in (chief, other):
        with pytest.raises(UserError, match=f"worker 2 at {addresses[2]} did not start within 3 s"):
            future.result(timeout=30)
    assert said[-1] == f"waiting for worker 2 at {addresses[2]}, at most 3 s"


def test_an_absent_chief_is_named(pool):
    addresses = free_addresses(2)
    future, said = start(pool, {"worker": addresses}, "worker", 1)
    with pytest.raises(UserError, match=f"the chief at {addresses[0]} did not start within 3 s"):
        future.result(timeout=30)
    assert said == [f"waiting for the chief at {addresses[0]}, at most 3 s"]


def test_another_program_at_the_chiefs_address_is_no_chief(pool):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        addresses = [f"127.0.0.1:{silent.getsockname()[1]}", *free_addresses(1)]
        future, _ = start(pool, {"worker": addresses}, "worker", 1)
        with pytest.raises(UserError, match="the chief at .* did not start"):
            future.result(timeout=30)


def test_the_chief_names_a_port_in_use():
    with socket.create_server(("", 0)) as taken:
        port = taken.getsockname()[1]
        cluster = {"worker": [f"localhost:{port}", "localhost:1"]}
        with pytest.raises(UserError, match=f"port {port} of this worker cannot be used"):
            rendezvous.meet(cluster, "worker", 0, print)


def test_strangers_and_workers_that_left_do_not_count(pool):
    addresses = free_addresses(3)
    chief, said = start(pool, {"worker": addresses}, "worker", 0)
    host, _, port = addresses[0].rpartition(":")
    while not said:
        time.sleep(0.01)
    for words in (b"GET / HTTP/1.1\n", b"worker 1\n", b"worker 7\n", b"\xff\n"):
        with socket.create_connection((host, int(port))) as connection:
            connection.sendall(words)
    missing = f"worker 1 at {addresses[1]}, worker 2 at {addresses[2]}"
    with pytest.raises(UserError, match=f"{missing} did not start"):
        chief.result(timeout=30)


@pytest.fixture
def heeds_ctrl_c():
    """Lets new processes heed SIGINT, which a shell's background jobs ignore."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("heeds_ctrl_c")
def test_ctrl_c_ends_the_wait_for_workers_of_another_job(tmp_path):
    tf_config = {
        "cluster": {"worker": free_addresses(2)},
        "task": {"type": "worker", "index": 1},
    }
    process = processes.start(tmp_path / "run", tf_config, train_steps=1)
    try:
        for line in process.stdout:
            if "waiting for the chief at 127.0.0.1" in line:
                break
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=60) != 0
    finally:
        process.kill()
        process.stdout.close()
    assert not (tmp_path / "run").exists()
