"""Which `tf.distribute` strategy trains."""

import tensorflow as tf

from sagan_tf.errors import ConfigError, UserError

NAMES = ("auto", "default", "mirrored", "multi_worker", "tpu")


def make(name="auto", tpu="local"):
    """The strategy of that name.

    Args:
        name: "auto" (mirrored for several GPUs, else default), "default", "mirrored",
            "multi_worker" (reads `TF_CONFIG`) or "tpu".
        tpu: for "tpu": "local", a name, or an address "grpc://...".

    Raises:
        ConfigError: there is no strategy of that name.
        UserError: the hardware is not there.
    """
    if name == "auto":
        several = len(tf.config.list_logical_devices("GPU")) > 1
        name = "mirrored" if several else "default"
    if name == "default":
        return tf.distribute.get_strategy()
    if name == "mirrored":
        return tf.distribute.MirroredStrategy()
    if name == "multi_worker":
        return tf.distribute.MultiWorkerMirroredStrategy()
    if name == "tpu":
        return _tpu_strategy(tpu)
    raise ConfigError("strategy", name, f"one of {', '.join(NAMES)}")


def _tpu_strategy(tpu):
    try:
        resolver = tf.distribute.cluster_resolver.TPUClusterResolver(tpu=tpu)
        tf.config.experimental_connect_to_cluster(resolver)
        tf.tpu.experimental.initialize_tpu_system(resolver)
    except (tf.errors.OpError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"strategy=tpu: no TPU at tpu={tpu!r}: {reason}") from error
    return tf.distribute.TPUStrategy(resolver)
