"""The client against exports; test_model_server.py has it against a real server."""

import io
import shutil
import socket

import numpy as np
import PIL.Image
import pytest

from sagan_tf.errors import ConfigError, ServingError
from sagan_tf.evaluation.generated import ExportedImages
from sagan_tf.evaluation.settings import SamplingConfig
from sagan_tf.serving import client


class Flaky:
    """Is unavailable some times, then answers with one PNG file a row."""

    name = "flaky"

    def __init__(self, failures):
        self.failures, self.calls, self.timeouts = failures, 0, []

    def generate_png(self, inputs, timeout):
        self.calls += 1
        self.timeouts.append(timeout)
        if self.calls <= self.failures:
            raise client.Unavailable("busy")
        return [_png(seed) for seed in inputs["seed"]]


def _png(value):
    file = io.BytesIO()
    PIL.Image.fromarray(np.full((4, 4), value, np.uint8)).save(file, "PNG")
    return file.getvalue()


class Clock:
    """A clock that moves only when someone sleeps."""

    def __init__(self):
        self.now = 100.0

    def monotonic(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(client, "time", clock)
    return clock


@pytest.fixture(scope="module")
def closed_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def test_requests_have_a_seed_an_image_and_repeat_the_labels():
    inputs = client.request(labels=[0, 2], num_images=5, seed=7, truncation=0.5)
    assert {name: (v.dtype.name, v.tolist()) for name, v in inputs.items()} == {
        "seed": ("int64", [7, 8, 9, 10, 11]),
        "truncation": ("float32", [0.5] * 5),
        "labels": ("int32", [0, 2, 0, 2, 0]),
    }
    assert set(client.request(num_images=2)) == {"seed", "truncation"}


@pytest.mark.parametrize("arguments", [{}, {"labels": []}, {"labels": [1], "num_images": 0}])
def test_requests_for_nothing_are_refused(arguments):
    with pytest.raises(ConfigError, match="num_images=.* above 0"):
        client.request(**arguments)


def test_numbers_that_would_wrap_are_refused():
    with pytest.raises(ConfigError, match="labels=.4294967296. is not allowed"):
        client.request(labels=[4294967296])
    with pytest.raises(ConfigError, match="labels=.-4294967295. is not allowed"):
        client.request(labels=[-4294967295])
    for seed in (2**63 - 1, -(2**63) - 1, 2**64):
        with pytest.raises(ConfigError, match=f"seed={seed} is not allowed"):
            client.request(num_images=2, seed=seed)
    assert client.request(num_images=1, seed=2**63 - 1)["seed"].tolist() == [2**63 - 1]
    assert client.request(num_images=1, seed=-(2**63))["seed"].tolist() == [-(2**63)]


@pytest.mark.parametrize("seed", [3, 2**31 - 1, 2**31 + 7, 2**40, -1, 2**63 - 1])
def test_an_export_draws_what_the_model_draws_for_seeds_of_64_bits(exported, seed):
    server = client.LocalExport(exported.path)
    images = client.generate(server, client.request(labels=[1], seed=seed)).astype(int)
    expected = exported.model.generate(labels=[1], seed=seed).astype(int)
    assert np.abs(images - expected).max() <= 1


def test_an_export_draws_what_the_model_draws(exported):
    server = client.LocalExport(exported.path)
    images = client.generate(server, client.request(labels=[1], num_images=2, seed=3))
    for row, seed in enumerate((3, 4)):
        expected = exported.model.generate(labels=[1], seed=seed)[0].astype(int)
        assert np.abs(images[row] - expected).max() <= 1


def test_many_images_are_drawn_in_batches_that_servers_allow():
    server = Flaky(0)
    images = client.generate(server, client.request(num_images=130))
    assert server.calls == 3 and images.shape == (130, 4, 4, 1)
    assert images[:, 0, 0, 0].tolist() == list(range(130))


def test_an_export_refuses_what_a_server_would(exported):
    server = client.LocalExport(exported.path)
    with pytest.raises(ServingError, match=r"labels must be in \[0, 3\)") as caught:
        client.generate(server, client.request(labels=[3]))
    assert "\n" not in str(caught.value)
    with pytest.raises(ServingError, match="missing required arguments: labels"):
        client.generate(server, client.request(num_images=1))


def test_what_is_no_export_is_refused(tmp_path):
    with pytest.raises(ServingError, match="holds no export"):
        client.LocalExport(str(tmp_path))
    (tmp_path / "4").mkdir()
    with pytest.raises(ServingError, match="version=3 is not in .* there are: 4"):
        client.LocalExport(str(tmp_path), 3)


def test_versions_are_found_by_the_names_of_their_directories(exported, tmp_path):
    """A server loads `00000002` as version 2; a file `7` and digits of other scripts are none."""
    shutil.copytree(exported.path, tmp_path / "00000002")
    (tmp_path / "7").write_text("a file")
    (tmp_path / "\u0663").mkdir()
    for version in (None, 2):
        server = client.LocalExport(str(tmp_path), version)
        assert server.name == str(tmp_path / "00000002")
        assert client.generate(server, client.request([0])).shape == (1, 16, 16, 1)
    assert ExportedImages(str(tmp_path), SamplingConfig()).path == str(tmp_path / "00000002")
    with pytest.raises(ServingError, match="version=7 is not in .* there are: 2"):
        client.LocalExport(str(tmp_path), 7)


def test_a_busy_server_is_asked_again_within_the_deadline(clock):
    server = Flaky(3)
    images = client.generate(server, client.request(num_images=2), deadline=5.0, retries=3)
    assert server.calls == 4 and len(images) == 2
    assert server.timeouts == [5.0, 4.75, 4.25, 3.25]  # each pause is twice as long


def test_the_retries_and_the_deadline_end(clock):
    with pytest.raises(ServingError, match=r"flaky in 1 tries within 5 s: busy"):
        client.generate(Flaky(9), client.request(num_images=1), deadline=5.0, retries=0)
    server = Flaky(9)
    with pytest.raises(ServingError, match=r"within 0.4 s: busy"):  # pauses of 0.25 and 0.5 s
        client.generate(server, client.request(num_images=1), deadline=0.4, retries=9)
    assert server.calls == 2


def test_unreachable_servers_are_named(clock, closed_port):
    for server in (
        client.GrpcServer(f"127.0.0.1:{closed_port}"),
        client.RestServer(f"http://127.0.0.1:{closed_port}"),
    ):
        with pytest.raises(ServingError, match=rf"no answer from .*127.0.0.1:{closed_port}.*2 tri"):
            client.generate(server, client.request(num_images=1), deadline=5.0, retries=1)


def test_addresses_that_are_none_are_refused():
    with pytest.raises(ConfigError, match="rest='localhost:8501' .* http://HOST:PORT"):
        client.RestServer("localhost:8501")
    with pytest.raises(ServingError, match="is no model server: InvalidURL"):
        client.generate(client.RestServer("http://local host:x"), client.request(num_images=1))


def test_rest_requests_go_to_the_model_and_version():
    server = client.RestServer("http://host:8501/", "faces", 4)
    assert server.name == "http://host:8501/v1/models/faces/versions/4:predict"
