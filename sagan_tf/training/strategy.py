"""Choice of the `tf.distribute` strategy."""

from __future__ import annotations

import tensorflow as tf

from sagan_tf.errors import ConfigError, UserError
from sagan_tf.keras_compat import IS_KERAS_3
from sagan_tf.training import cluster as clusters
from sagan_tf.training import rendezvous
from sagan_tf.training import tpu as tpus

NAMES = ("auto", "default", "mirrored", "multi_worker", "tpu")
LOCAL_NAMES = tuple(name for name in NAMES if name != "multi_worker")


def make(name="auto", tpu="local", cluster="tf_config"):
    """Makes the strategy of a name; call it before any other work with TensorFlow.

    Args:
        name: "auto" (multi_worker where `TF_CONFIG` names several workers, mirrored for several
            GPUs, else default), "default" (one device), "mirrored" (all GPUs of this machine; or,
            without GPUs, several logical CPUs that the program has set up), "multi_worker" (one
            process a machine) or "tpu".
        tpu: for "tpu": "local", a name, or an address "grpc://...".
        cluster: for "multi_worker": source of the addresses, one of `cluster.NAMES`.

    Raises:
        ConfigError: there is no strategy of that name.
        UserError: the hardware or other workers are missing.
    """
    if name not in NAMES:
        raise ConfigError("strategy", name, f"one of {', '.join(NAMES)}")
    if name == "auto":
        name = _choose()
    if name == "default":
        return tf.distribute.get_strategy()
    if name == "mirrored":
        return _mirrored()
    if name == "multi_worker":
        return _multi_worker(clusters.resolve(cluster))
    return tpus.connect(tpu)


def make_local(name="auto", tpu="local"):
    """Makes a strategy for the work of a single process, such as scoring; ignores `TF_CONFIG`.

    Args:
        name: one of `LOCAL_NAMES`; "auto" is mirrored for several GPUs, else default.
        tpu: as for `make`.

    Raises:
        ConfigError: there is no strategy of that name, or it joins a cluster.
        UserError: the hardware is missing.
    """
    check_local(name)
    return make(_choose_local() if name == "auto" else name, tpu)


def check_local(name):
    """Checks the name of a strategy for the work of a single process.

    Raises:
        ConfigError: there is no strategy of that name, or it joins a cluster.
    """
    if name not in LOCAL_NAMES:
        wanted = f"one of {', '.join(LOCAL_NAMES)}: only training joins a cluster of workers"
        raise ConfigError("strategy", name, wanted)


def describe(strategy):
    """Describes in one line the devices that a strategy uses."""
    replicas, kind = strategy.num_replicas_in_sync, type(strategy).__name__
    if replicas == 1:
        return "one device"
    devices = strategy.extended.worker_devices
    return f"{kind}: {replicas} replicas, {len(devices)} of them here: {', '.join(devices)}"


def _choose():
    return "multi_worker" if clusters.is_configured() else _choose_local()


def _choose_local():
    return "mirrored" if len(tf.config.list_physical_devices("GPU")) > 1 else "default"


def _multi_worker(resolver):
    if not IS_KERAS_3:
        # In Keras 2 the chief cannot read the statistics of batch norm without the other workers.
        raise UserError("strategy=multi_worker needs Keras 3, with TensorFlow 2.16 or later")
    cluster = resolver.cluster_spec().as_dict()
    if sum(map(len, cluster.values())) > 1:
        rendezvous.meet(cluster, resolver.task_type, resolver.task_id)
    return tf.distribute.MultiWorkerMirroredStrategy(cluster_resolver=resolver)


def _mirrored():
    """Uses all GPUs; without GPUs, the logical CPU devices, if the program has set up several."""
    if tf.config.list_physical_devices("GPU"):
        return tf.distribute.MirroredStrategy()
    processors = [device.name for device in tf.config.list_logical_devices("CPU")]
    if len(processors) == 1:
        raise UserError("strategy=mirrored: TensorFlow sees no GPU; strategy=default uses the CPU")
    return tf.distribute.MirroredStrategy(processors)
