"""Choice of hardware: missing hardware is one clear line, and nothing hangs."""

import importlib.metadata
import json
import socket
import time

import pytest
import tensorflow as tf

from sagan_tf.errors import ConfigError, UserError
from sagan_tf.training import cluster, rendezvous, strategy, tpu


@pytest.fixture(autouse=True)
def no_tf_config(monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)


def test_default_and_auto_on_one_cpu():
    assert strategy.make("default") is tf.distribute.get_strategy()
    assert strategy.make("auto") is tf.distribute.get_strategy()
    assert strategy.describe(strategy.make("auto")) == "one device"


def test_mirrored_takes_logical_cpus_and_never_a_single_one(monkeypatch, two_replicas):
    chosen = []
    monkeypatch.setattr(tf.distribute, "MirroredStrategy", chosen.append)
    strategy.make("mirrored")
    assert chosen == [["/device:CPU:0", "/device:CPU:1"]]
    devices = tf.config.list_logical_devices("CPU")
    monkeypatch.setattr(tf.config, "list_logical_devices", lambda kind: devices[:1])
    with pytest.raises(UserError, match="strategy=mirrored: TensorFlow sees no GPU"):
        strategy.make("mirrored")


def test_describe_counts_replicas(two_replicas):
    line = strategy.describe(two_replicas)
    assert line.startswith("MirroredStrategy: 2 replicas, 2 of them here: ")


def test_unknown_names():
    with pytest.raises(ConfigError, match="strategy='gpu' .*multi_worker, tpu"):
        strategy.make("gpu")
    with pytest.raises(ConfigError, match="cluster='aws' .*tf_config, slurm, kubernetes"):
        strategy.make("multi_worker", cluster="aws")


def free_port():
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return server.getsockname()[1]


@pytest.fixture
def silent_port():
    """A port that accepts connections and never answers."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield server.getsockname()[1]


def no_route(*_):
    raise TimeoutError("timed out")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("", "tpu='' is not allowed; tpu must be local, a name, or grpc://ADDRESS"),
        ("local", "no TPU at tpu='local': libtpu is not installed"),
        ("grpc://127.0.0.1:{free}", "no TPU at .*Connection refused"),
        ("grpc://127.0.0.1:{silent}", "no TPU at .*does not speak gRPC"),
        ("grpc://127.0.0.1:port", "no TPU at .*port"),
    ],
)
def test_a_missing_tpu_is_one_line(monkeypatch, silent_port, name, message):
    monkeypatch.setattr(tpu, "_CONNECT_SECONDS", 2)
    with pytest.raises(UserError, match=message):
        strategy.make("tpu", name.format(free=free_port(), silent=silent_port))


def test_a_host_without_a_route_and_a_name_without_an_answer(monkeypatch):
    monkeypatch.setattr(socket, "create_connection", no_route)
    with pytest.raises(UserError, match="no TPU at tpu='grpc://10.0.0.2': timed out"):
        strategy.make("tpu", "grpc://10.0.0.2")
    monkeypatch.setattr(tpu, "_CONNECT_SECONDS", 0.2)
    resolvers = tf.distribute.cluster_resolver
    monkeypatch.setattr(resolvers, "TPUClusterResolver", lambda tpu: time.sleep(5))
    with pytest.raises(UserError, match=r"tpu='pod': its name was not resolved in 0.2 s"):
        strategy.make("tpu", "pod")


@pytest.mark.parametrize(
    ("tensorflow", "keras", "packages", "requires", "message"),
    [
        ("2.21.0", "2.15.0", {}, [], "TensorFlow 2.21.0 goes with Keras 3, not 2.15.0"),
        ("2.15.1", "3.4.1", {}, [], "TensorFlow 2.15.1 goes with Keras 2, not 3.4.1"),
        ("2.20.0", "3.9.0", {"tensorflow-tpu": "2.19.1"}, [], "tensorflow-tpu 2.19.1 does not fit"),
        (
            "2.20.0",
            "3.9.0",
            {"tensorflow-tpu": "2.20.0", "libtpu": "0.0.30"},
            ["libtpu==0.0.21; platform_machine == 'x86_64'"],
            "tensorflow-tpu 2.20.0 needs libtpu 0.0.21, not 0.0.30",
        ),
    ],
)
def test_versions_that_do_not_fit(monkeypatch, tensorflow, keras, packages, requires, message):
    def version(name):
        if name not in packages:
            raise importlib.metadata.PackageNotFoundError(name)
        return packages[name]

    monkeypatch.setattr(tf, "__version__", tensorflow)
    monkeypatch.setattr(tpu.keras, "__version__", keras)
    monkeypatch.setattr(importlib.metadata, "version", version)
    monkeypatch.setattr(importlib.metadata, "requires", lambda _: requires)
    with pytest.raises(UserError, match=message):
        strategy.make("tpu", "local")


TWO = {"worker": ["a:1", "b:1"]}


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (None, "TF_CONFIG=None .*set for strategy=multi_worker"),
        ("{", "JSON such as"),
        ({"cluster": TWO}, "JSON such as"),
        ({"cluster": TWO, "task": {"type": "worker", "index": 2}}, "index is below 2"),
        ({"cluster": TWO, "task": {"type": "chief", "index": 0}}, "type in the cluster: worker"),
        ({"cluster": {"ps": ["a:1"]}, "task": {"type": "ps", "index": 0}}, r"not \['ps'\]"),
        ({"cluster": {"worker": ["a"]}, "task": {"type": "worker", "index": 0}}, "host0:2222"),
        ({"cluster": {"worker": "a:1"}, "task": {"type": "worker", "index": 0}}, "lists"),
        ({"cluster": {"worker": ["a:1"] * 2}, "task": {"type": "worker", "index": 0}}, "twice"),
    ],
)
def test_a_wrong_tf_config_is_refused(monkeypatch, config, message):
    if config is not None:
        monkeypatch.setenv("TF_CONFIG", config if isinstance(config, str) else json.dumps(config))
    with pytest.raises(ConfigError, match=message):
        strategy.make("multi_worker")


def test_tf_config_makes_auto_choose_multi_worker(monkeypatch):
    task = {"type": "worker", "index": 1}
    monkeypatch.setenv("TF_CONFIG", json.dumps({"cluster": TWO, "task": task}))
    resolver = cluster.resolve("tf_config")
    assert resolver.cluster_spec().as_dict() == TWO
    assert (resolver.task_type, resolver.task_id) == ("worker", 1)
    monkeypatch.setattr(tf.distribute, "MultiWorkerMirroredStrategy", lambda **kwargs: "several")
    monkeypatch.setattr(strategy, "IS_KERAS_3", True)
    met = []
    monkeypatch.setattr(rendezvous, "meet", lambda *task: met.append(task))
    assert strategy.make("auto") == "several"
    assert met == [(TWO, "worker", 1)]
    monkeypatch.setattr(strategy, "IS_KERAS_3", False)
    with pytest.raises(UserError, match="strategy=multi_worker needs Keras 3"):
        strategy.make("multi_worker")


WORKER = {"type": "worker", "index": 0}


@pytest.mark.parametrize(
    "config",
    [
        "",
        " ",
        "{}",
        "[]",
        "5",
        {"task": WORKER},
        {"cluster": {}},
        {"cluster": None},
        {"cluster": {"worker": ["a:1"]}},
        {"cluster": {"worker": ["a:1"]}, "task": WORKER},
        {"cluster": {"ps": ["a:1"], "worker": ["b:1", "c:1"]}, "task": WORKER},
        {"cluster": {**TWO, "evaluator": ["c:1"]}, "task": {"type": "evaluator", "index": 0}},
        {"environment": "cloud"},
    ],
)
def test_auto_ignores_a_tf_config_without_a_cluster_of_workers(monkeypatch, config):
    monkeypatch.setenv("TF_CONFIG", config if isinstance(config, str) else json.dumps(config))
    assert strategy.make("auto") is tf.distribute.get_strategy()


@pytest.mark.parametrize("config", ["{", json.dumps({"cluster": TWO})])
def test_auto_refuses_a_cluster_of_workers_with_a_mistake(monkeypatch, config):
    """Each worker would train alone, in the same directory."""
    monkeypatch.setenv("TF_CONFIG", config)
    with pytest.raises(ConfigError, match="JSON such as"):
        strategy.make("auto")


@pytest.mark.parametrize("config", ["{", json.dumps({"cluster": TWO, "task": WORKER})])
def test_the_work_of_a_single_process_never_joins_a_cluster(monkeypatch, config):
    monkeypatch.setenv("TF_CONFIG", config)
    assert strategy.make_local() is tf.distribute.get_strategy()
    assert strategy.make_local("default") is tf.distribute.get_strategy()
    with pytest.raises(ConfigError, match="'multi_worker' .*only training joins a cluster"):
        strategy.make_local("multi_worker")
    with pytest.raises(ConfigError, match="strategy='gpu' .*one of auto, default, mirrored, tpu"):
        strategy.make_local("gpu")


def test_slurm(monkeypatch):
    with pytest.raises(UserError, match="cluster=slurm: this process is not a step of a Slurm job"):
        cluster.resolve("slurm")
    step = {
        "SLURM_PROCID": "2",
        "SLURM_STEP_NUM_TASKS": "3",
        "SLURM_STEP_NODELIST": "n[01-02]",
        "SLURM_STEP_TASKS_PER_NODE": "2,1",
    }
    for name, value in step.items():
        monkeypatch.setenv(name, value)
    resolver = cluster.resolve("slurm")
    assert resolver.cluster_spec().as_dict() == {"worker": ["n01:2222", "n01:2223", "n02:2222"]}
    assert (resolver.task_type, resolver.task_id) == ("worker", 2)


class Pods:
    """A Kubernetes API that shows one pod more, and the last one running, at each look."""

    def __init__(self, addresses):
        self._addresses, self._looks = addresses, 0

    def list_pod_for_all_namespaces(self, label_selector):
        assert label_selector == "app=sagan"
        self._looks += 1
        shown = self._addresses[: self._looks]
        return Record(items=[self._pod(i, address) for i, address in enumerate(shown)])

    def _pod(self, index, address):
        phase = "Pending" if index == self._looks - 1 else "Running"
        status = Record(phase=phase, host_ip=address)
        return Record(metadata=Record(name=f"sagan-{index}"), status=status)


class Record:
    def __init__(self, **fields):
        vars(self).update(fields)


def test_kubernetes_waits_for_all_pods_and_finds_its_own(monkeypatch):
    with pytest.raises(UserError, match="needs the variables WORKER_SELECTOR"):
        cluster.resolve("kubernetes")
    monkeypatch.setenv("WORKER_SELECTOR", "app=sagan")
    monkeypatch.setenv("WORKER_COUNT", "2")
    monkeypatch.setenv("HOST_IP", "10.0.0.2")
    monkeypatch.setattr(cluster, "_POLL_SECONDS", 0)
    monkeypatch.setattr(cluster, "_kubernetes_client", lambda: Pods(["10.0.0.1", "10.0.0.2"]))
    resolver = cluster.resolve("kubernetes")
    assert resolver.cluster_spec().as_dict() == {"worker": ["10.0.0.1:2222", "10.0.0.2:2222"]}
    assert (resolver.task_type, resolver.task_id) == ("worker", 1)
    monkeypatch.setenv("HOST_IP", "10.0.0.9")
    with pytest.raises(UserError, match=r"HOST_IP=10.0.0.9 is none of"):
        cluster.resolve("kubernetes")
