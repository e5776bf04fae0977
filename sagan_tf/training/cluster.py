"""Clusters for `--strategy=multi_worker`: the addresses of all workers and this one's place."""

from __future__ import annotations

import json
import os
import time

import tensorflow as tf

from sagan_tf.errors import ConfigError, UserError

NAMES = ("tf_config", "slurm", "kubernetes")
_TASK_TYPES = ("chief", "worker")
_EXAMPLE = (
    '{"cluster": {"worker": ["host0:2222", "host1:2222"]}, "task": {"type": "worker", "index": 0}}'
)
_PORT = 2222  # of every worker, if the scheduler gives host names only
_PODS_SECONDS = 600  # limit for all pods to start
_POLL_SECONDS = 5


def is_configured():
    """Whether `TF_CONFIG` describes a cluster of several workers.

    The variable of another kind of job, without a cluster or with parameter servers, does not.

    Raises:
        ConfigError: it describes one, with a mistake.
    """
    text = os.environ.get("TF_CONFIG", "").strip()
    try:
        settings = json.loads(text or "{}")
    except ValueError:
        _parse(text)  # says what is wrong
    cluster = settings.get("cluster") if isinstance(settings, dict) else None
    if not isinstance(cluster, dict) or set(cluster) - set(_TASK_TYPES):
        return False
    if sum(len(part) if isinstance(part, list) else 1 for part in cluster.values()) < 2:
        return False
    _parse(text)
    return True


def resolve(name):
    """Finds the cluster, and the task of this process in it.

    Args:
        name: "tf_config" (the variable `TF_CONFIG`), "slurm" (the variables of a Slurm step) or
            "kubernetes" (the `WORKER_COUNT` running pods with the label in `WORKER_SELECTOR`; this
            pod is on the node with the address `HOST_IP`).

    Returns:
        A `tf.distribute.cluster_resolver.ClusterResolver`.

    Raises:
        ConfigError, UserError: a variable is missing or wrong, or pods do not start.
    """
    if name not in NAMES:
        raise ConfigError("cluster", name, f"one of {', '.join(NAMES)}")
    spec, task_type, task_id = {"tf_config": _tf_config, "slurm": _slurm}.get(name, _kubernetes)()
    # TensorFlow's resolvers for schedulers count GPUs with programs that may be missing.
    gpus = len(tf.config.list_physical_devices("GPU"))
    return tf.distribute.cluster_resolver.SimpleClusterResolver(
        tf.train.ClusterSpec(spec),
        task_type=task_type,
        task_id=task_id,
        num_accelerators={"GPU": gpus} if gpus else {},
        rpc_layer="grpc",
    )


def _tf_config():
    text = os.environ.get("TF_CONFIG")
    if not text:
        raise ConfigError("TF_CONFIG", text, f"set for strategy=multi_worker, such as {_EXAMPLE}")
    settings = _parse(text)
    return settings["cluster"], settings["task"]["type"], settings["task"]["index"]


def _parse(text):
    """Reads and checks `TF_CONFIG`, because TensorFlow hangs or aborts on a wrong one."""

    def check(condition, wanted):
        if not condition:
            raise ConfigError("TF_CONFIG", text, wanted)

    try:
        settings = json.loads(text)
        cluster, task = settings["cluster"], settings["task"]
        kind, index = task["type"], int(task["index"])
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError("TF_CONFIG", text, f"JSON such as {_EXAMPLE}") from error
    check(isinstance(cluster, dict) and cluster, f"a cluster and a task, such as {_EXAMPLE}")
    surplus = set(cluster) - set(_TASK_TYPES)
    check(not surplus, f"a cluster of {' and '.join(_TASK_TYPES)} only, not {sorted(surplus)}")
    check(all(isinstance(part, list) for part in cluster.values()), "lists of addresses")
    addresses = _addresses(cluster)
    check(all(_is_address(address) for address in addresses), 'addresses such as "host0:2222"')
    check(len(set(addresses)) == len(addresses), "a cluster without an address given twice")
    check(kind in cluster, f"a task of a type in the cluster: {', '.join(cluster)}")
    size = len(cluster[kind])
    check(0 <= index < size, f"a task whose index is below {size}, the number of {kind}s")
    return {"cluster": cluster, "task": {"type": kind, "index": index}}


def _addresses(cluster):
    return [address for part in cluster.values() for address in part]


def _is_address(address):
    host, _, port = str(address).rpartition(":")
    return bool(host) and port.isdigit() and 0 < int(port) < 65536


def _slurm():
    try:
        tasks = int(os.environ["SLURM_STEP_NUM_TASKS"])
        # Slurm binds GPUs to tasks (--gpus-per-task). With one GPU a task, the resolver does not
        # change this.
        resolver = tf.distribute.cluster_resolver.SlurmClusterResolver(
            port_base=_PORT, gpus_per_node=tasks, gpus_per_task=1, auto_set_gpu=False
        )
        spec = resolver.cluster_spec().as_dict()
    except (KeyError, RuntimeError, ValueError) as error:
        raise UserError(
            f"cluster=slurm: this process is not a step of a Slurm job that srun started: {error}"
        ) from error
    return (spec, *resolver.get_task_info())


def _kubernetes(client=None):
    """Finds the running pods.

    Args:
        client: a Kubernetes API client; None is the pod's own.
    """
    try:
        selector, own_host = os.environ["WORKER_SELECTOR"], os.environ["HOST_IP"]
        count = int(os.environ["WORKER_COUNT"])
    except (KeyError, ValueError) as error:
        raise UserError(
            "cluster=kubernetes needs the variables WORKER_SELECTOR (a label), WORKER_COUNT and "
            f"HOST_IP (of the pod's node): {error}"
        ) from error
    resolver = tf.distribute.cluster_resolver.KubernetesClusterResolver(
        {"worker": [selector]}, _PORT, override_client=client or _kubernetes_client()
    )
    spec = _when_running(resolver, count)
    own = f"{own_host}:{_PORT}"
    if own not in spec["worker"]:
        raise UserError(f"cluster=kubernetes: HOST_IP={own_host} is none of {spec['worker']}")
    return spec, "worker", spec["worker"].index(own)


def _kubernetes_client():
    try:
        from kubernetes import client, config
    except ImportError as error:
        raise UserError("cluster=kubernetes needs `pip install kubernetes`") from error
    config.load_incluster_config()
    return client.CoreV1Api()


def _when_running(resolver, count):
    """Waits until all pods run; the resolver itself takes only the pods that already run."""
    give_up = time.monotonic() + _PODS_SECONDS
    while True:
        try:
            spec = resolver.cluster_spec().as_dict()
            state = f"{len(spec['worker'])} run"
            if len(spec["worker"]) == count:
                return spec
        except RuntimeError as error:  # a pod does not run yet
            state = str(error)
        if time.monotonic() > give_up:
            raise UserError(
                f"cluster=kubernetes: {count} pods did not start in {_PODS_SECONDS} s: {state}"
            )
        time.sleep(_POLL_SECONDS)
