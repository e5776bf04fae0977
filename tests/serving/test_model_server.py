"""A real `tensorflow_model_server`, if one is on PATH, started on the loopback interface."""

import concurrent.futures
import pathlib
import shutil
import socket
import subprocess
import time

import numpy as np
import pytest

from sagan_tf.errors import ServingError
from sagan_tf.serving import client
from sagan_tf.serving.saved_model import export

BINARY = shutil.which("tensorflow_model_server")
BATCHING = pathlib.Path(__file__).parents[2] / "export" / "serving" / "batching.config"
START_SECONDS = 120
pytestmark = pytest.mark.skipif(not BINARY, reason="tensorflow_model_server is not on PATH")


def _free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@pytest.fixture(scope="module")
def served(exported, tmp_path_factory):
    """(directory of versions, gRPC port, REST port) of a server that has loaded version 1."""
    export_dir = tmp_path_factory.mktemp("served")
    shutil.copytree(exported.path, export_dir / "1")
    grpc_port, rest_port = _free_port(), _free_port()
    log = open(tmp_path_factory.mktemp("log") / "server.log", "w")  # noqa: SIM115 - the server's
    process = subprocess.Popen(
        [
            BINARY,
            f"--port={grpc_port}",
            f"--rest_api_port={rest_port}",
            "--model_name=sagan",
            f"--model_base_path={export_dir}",
            "--file_system_poll_wait_seconds=1",
            "--enable_batching=true",
            f"--batching_parameters_file={BATCHING}",
        ],
        stdout=log,
        stderr=subprocess.STDOUT,
    )
    try:
        _wait_for(lambda: _draws(client.RestServer(f"http://127.0.0.1:{rest_port}")))
        yield export_dir, grpc_port, rest_port
    finally:
        process.terminate()
        process.wait(30)
        log.close()


def _draws(server):
    try:
        return server.generate_png(client.request(labels=[0]), 10.0)
    except (client.Unavailable, ServingError):
        return None


def _wait_for(condition):
    end = time.monotonic() + START_SECONDS
    while not condition():
        assert time.monotonic() < end, "the model server did not get there"
        time.sleep(0.5)


@pytest.fixture(params=["grpc", "rest"])
def server(served, request):
    _, grpc_port, rest_port = served
    if request.param == "grpc":
        return client.GrpcServer(f"127.0.0.1:{grpc_port}")
    return client.RestServer(f"http://127.0.0.1:{rest_port}")


def test_it_draws_what_the_model_draws(server, exported):
    images = client.generate(server, client.request(labels=[0, 1, 2], seed=11, truncation=0.8))
    for row in range(3):
        expected = exported.model.generate(labels=[row], seed=11 + row, truncation=0.8)[0]
        assert np.abs(images[row].astype(int) - expected).max() <= 1


def test_bad_requests_are_refused_and_the_next_is_served(server):
    with pytest.raises(ServingError, match=r"labels must be in \[0, 3\)"):
        client.generate(server, client.request(labels=[3]))
    with pytest.raises(ServingError, match=r"truncation must be in \(0, 1\]"):
        client.generate(server, client.request(labels=[0], truncation=2.0))
    assert client.generate(server, client.request(labels=[0])).shape == (1, 16, 16, 1)


def test_unknown_models_and_versions_are_refused(served):
    with pytest.raises(ServingError, match="NOT_FOUND"):
        client.generate(
            client.GrpcServer(f"127.0.0.1:{served[1]}", "other"), client.request(labels=[0])
        )


def test_a_second_version_takes_over_without_a_failed_request(served, exported):
    export_dir, grpc_port, _ = served
    address = f"127.0.0.1:{grpc_port}"
    second = client.GrpcServer(address, version=2)
    end = time.monotonic() + START_SECONDS

    def ask_until_it_is_there(seed):
        server, asked = client.GrpcServer(address), 0
        while not _draws(second) and time.monotonic() < end:
            client.generate(server, client.request(labels=[1], num_images=3, seed=seed), retries=0)
            asked += 1
        return asked

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        asking = [pool.submit(ask_until_it_is_there, seed) for seed in range(4)]
        export(exported.model, export_dir, precision="bfloat16")
        asked = [thread.result() for thread in asking]  # raises if any request failed
    assert min(asked) > 0 and _draws(second)
