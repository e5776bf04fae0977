"""Connection to TPUs: checks that end within seconds come first, because TensorFlow may hang."""

from __future__ import annotations

import importlib.metadata
import os
import queue
import re
import socket
import threading

import grpc
import keras
import tensorflow as tf

from sagan_tf.errors import ConfigError, UserError

_CONNECT_SECONDS = 7  # limit to resolve a name, and limit for an address to answer
_PORT = 8470  # of TPU workers, for an address without a port
_LOCAL_LIBRARIES = ("/lib/libtpu.so", "/usr/lib/libtpu.so")  # of TPU VM images without packages


def connect(tpu):
    """Makes a `TPUStrategy` over the TPU at an address.

    Args:
        tpu: "local", a name, or "grpc://...".

    Raises:
        ConfigError: `tpu` is empty.
        UserError: the versions do not fit together, or no TPU answers.
    """
    if not tpu:
        raise ConfigError("tpu", tpu, "local, a name, or grpc://ADDRESS")
    check_versions(local=tpu == "local")
    resolver = _resolve(tpu)
    for job_addresses in resolver.cluster_spec().as_dict().values():
        for address in job_addresses:
            _check_answers(tpu, address)
    try:
        tf.config.experimental_connect_to_cluster(resolver)
        tf.tpu.experimental.initialize_tpu_system(resolver)
    except (tf.errors.OpError, ValueError, RuntimeError) as error:
        raise _no_tpu(tpu, error) from error
    return tf.distribute.TPUStrategy(resolver)


def check_versions(local):
    """Checks that TensorFlow, Keras and libtpu can work together on a TPU.

    Args:
        local: whether the TPU is in this machine, which then needs libtpu.

    Raises:
        UserError: the versions do not fit together.
    """
    minor = tuple(map(int, tf.__version__.split(".")[:2]))
    keras_major = int(keras.__version__.split(".")[0])
    wanted = 3 if minor >= (2, 16) else 2
    if keras_major != wanted:
        raise UserError(
            f"strategy=tpu: TensorFlow {tf.__version__} goes with Keras {wanted}, "
            f"not {keras.__version__}"
        )
    if not local:
        return
    wheel = _installed("tensorflow-tpu")
    if wheel and wheel != tf.__version__:
        raise UserError(
            f"strategy=tpu: tensorflow-tpu {wheel} does not fit TensorFlow {tf.__version__}"
        )
    _check_libtpu(wheel)


def _check_libtpu(wheel):
    found = _installed("libtpu")
    if found is None:
        paths = [os.environ.get("TPU_LIBRARY_PATH"), *_LOCAL_LIBRARIES]
        if not any(path and os.path.exists(path) for path in paths):
            raise UserError(
                "strategy=tpu: no TPU at tpu='local': libtpu is not installed; on a TPU VM, "
                "pip install tensorflow-tpu brings it"
            )
    elif wheel:
        # tensorflow-tpu requires the libtpu that it was built against.
        needs = " ".join(importlib.metadata.requires("tensorflow-tpu") or ())
        pinned = re.search(r"\blibtpu\s*==\s*([\w.]+)", needs)
        if pinned and pinned.group(1) != found:
            raise UserError(
                f"strategy=tpu: tensorflow-tpu {wheel} needs libtpu {pinned.group(1)}, not {found}"
            )


def _installed(package):
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _resolve(tpu):
    """Makes the resolver. Google's metadata server, which knows the names, may never answer."""
    result = queue.Queue()

    def look_up():
        try:
            resolver = tf.distribute.cluster_resolver.TPUClusterResolver(tpu=tpu)
            resolver.cluster_spec()
            result.put(resolver)
        except Exception as error:  # of many kinds: network, credentials, service
            result.put(error)

    threading.Thread(target=look_up, daemon=True).start()
    try:
        found = result.get(timeout=_CONNECT_SECONDS)
    except queue.Empty:
        raise _no_tpu(tpu, f"its name was not resolved in {_CONNECT_SECONDS} s") from None
    if isinstance(found, Exception):
        raise _no_tpu(tpu, found) from found
    return found


def _check_answers(tpu, address):
    """Connects briefly: TensorFlow's own connection would wait for ever without an answer."""
    host, _, port = address.partition(":")
    try:
        socket.create_connection((host, int(port or _PORT)), _CONNECT_SECONDS).close()
        channel = grpc.insecure_channel(f"{host}:{port or _PORT}")
        with channel:
            grpc.channel_ready_future(channel).result(_CONNECT_SECONDS)
    except (OSError, ValueError) as error:
        raise _no_tpu(tpu, error) from error
    except grpc.FutureTimeoutError as error:
        raise _no_tpu(tpu, f"{address} does not speak gRPC") from error


def _no_tpu(tpu, reason):
    lines = str(reason).splitlines() or [type(reason).__name__]
    return UserError(f"strategy=tpu: no TPU at tpu={tpu!r}: {lines[0]}")
