"""Client that generates images: on a model server over gRPC or REST, or from an export on disk."""

from __future__ import annotations

import base64
import http.client
import json
import os
import time
import urllib.error
import urllib.request

import grpc
import numpy as np
import tensorflow as tf

from sagan_tf import files
from sagan_tf.errors import ConfigError, ServingError
from sagan_tf.serving import warmup

_SIGNATURE = "generate_png"
_OUTPUT = "image_bytes"
_BATCH_SIZE = warmup.BATCH_SIZES[-1]  # the largest batch that our batching.config allows
_FIRST_PAUSE = 0.25  # seconds before the first retry; each later pause is twice as long
_BUSY = (429, 502, 503, 504)  # HTTP codes of passing failures


class Unavailable(Exception):
    """The server did not answer; the next try may succeed."""


class GrpcServer:
    """A TensorFlow Serving model over gRPC.

    Args:
        address: "HOST:PORT"; the server's `--port`, usually 8500.
        model: its name there.
        version: number; None is the newest version on the server.
    """

    def __init__(self, address, model=warmup.MODEL_NAME, version=None):
        self.name = f"{address} (gRPC)"
        self._model, self._version = model, version
        channel = grpc.insecure_channel(address, [("grpc.max_receive_message_length", -1)])
        self._stub = warmup.load_protos("prediction_service_pb2_grpc").PredictionServiceStub(
            channel
        )

    def generate_png(self, inputs, timeout):
        """Generates PNG files; see `LocalExport.generate_png`."""
        request = warmup.load_protos("predict_pb2").PredictRequest()
        warmup.fill_request(request, self._model, _SIGNATURE, inputs)
        if self._version is not None:
            request.model_spec.version.value = self._version
        try:
            response = self._stub.Predict(request, timeout)
        except grpc.RpcError as error:
            reason = f"{error.code().name}: {_last_line(error.details())}"
            if error.code() == grpc.StatusCode.UNAVAILABLE:
                raise Unavailable(reason) from error
            raise ServingError(f"{self.name} refuses the request: {reason}") from error
        return list(tf.make_ndarray(response.outputs[_OUTPUT]))


class RestServer:
    """A TensorFlow Serving model over REST.

    Args:
        address: "http://HOST:PORT"; the server's `--rest_api_port`, usually 8501.
        model: its name there.
        version: number; None is the newest version on the server.

    Raises:
        ConfigError: the address has another form.
    """

    def __init__(self, address, model=warmup.MODEL_NAME, version=None):
        if not address.startswith(("http://", "https://")):
            raise ConfigError("rest", address, "http://HOST:PORT")
        part = "" if version is None else f"/versions/{version}"
        self.name = f"{address.rstrip('/')}/v1/models/{model}{part}:predict"

    def generate_png(self, inputs, timeout):
        """Generates PNG files; see `LocalExport.generate_png`."""
        columns = {name: value.tolist() for name, value in inputs.items()}
        body = json.dumps({"signature_name": _SIGNATURE, "inputs": columns}).encode()
        try:
            request = urllib.request.Request(self.name, body, {"Content-Type": "application/json"})
            with urllib.request.urlopen(request, timeout=timeout) as response:
                # A server leaves out the name of a single output.
                return [base64.b64decode(image["b64"]) for image in json.load(response)["outputs"]]
        except urllib.error.HTTPError as error:
            reason = f"HTTP {error.code}: {_last_line(error.read().decode(errors='replace'))}"
            if error.code in _BUSY:
                raise Unavailable(reason) from error
            raise ServingError(f"{self.name} refuses the request: {reason}") from error
        except OSError as error:
            raise Unavailable(str(error)) from error
        except (KeyError, TypeError, ValueError, http.client.HTTPException) as error:
            raise ServingError(f"{self.name} is no model server: {error!r}") from error


class LocalExport:
    """An export on disk, run without a server.

    Args:
        path: directory of versions, or one of them.
        version: number; None is the highest one.

    Raises:
        ConfigError: the path is a pattern.
        ServingError: there is no export.
    """

    def __init__(self, path, version=None):
        path = files.exact_path("export_dir", path)
        there = files.numbered_directories(path)
        if version is not None and version not in there:
            known = ", ".join(map(str, there)) or "none"
            raise ServingError(f"version={version} is not in {path}; there are: {known}")
        if there:
            path = os.path.join(path, there[version or max(there)])
        self.name = path
        try:
            self._loaded = tf.saved_model.load(path)
        except OSError as error:
            raise ServingError(f"{path} holds no export: {_last_line(str(error))}") from error

    def generate_png(self, inputs, timeout):
        """Generates PNG files.

        Args:
            inputs: inputs of the signature `generate_png`: a dict of NumPy arrays.
            timeout: seconds that a server has to answer; an export on disk ignores it.

        Returns:
            A list of bytes.

        Raises:
            Unavailable: the server did not answer; another try may help.
            ServingError: the server or the export refuses the inputs.
        """
        tensors = {name: tf.constant(value) for name, value in inputs.items()}
        try:
            return list(self._loaded.signatures[_SIGNATURE](**tensors)[_OUTPUT].numpy())
        except (TypeError, tf.errors.InvalidArgumentError) as error:
            raise ServingError(f"{self.name} refuses the request: {_last_line(error)}") from error


def _last_line(message):
    """The reason in an error message, without TensorFlow's notes on the place in the graph."""
    return str(message).partition("\n\t [[")[0].strip().splitlines()[-1]


def request(labels=None, num_images=None, seed=0, truncation=1.0):
    """Returns the inputs of the signature `generate_png`: image i has seed `seed + i`.

    Args:
        labels: classes, repeated until there are `num_images`; None for an unconditional model.
        num_images: number of images; None is one for each label.
        seed: int in [-2**63, 2**63); so is the seed of the last image.
        truncation: scale of the latents, in (0, 1].

    Returns:
        A dict of NumPy arrays (num_images,).

    Raises:
        ConfigError: there are neither labels nor a number of images, or a number is out of range.
    """
    count = len(labels or ()) if num_images is None else num_images
    if count < 1:
        raise ConfigError("num_images", num_images, "above 0, or left out where labels are given")
    if not -(2**63) <= seed <= 2**63 - count:
        raise ConfigError("seed", seed, f"in [-2**63, 2**63 - {count}] for {count} images")
    if not all(0 <= label < 2**31 for label in labels or ()):
        raise ConfigError("labels", labels, "classes from 0")
    inputs = {
        "seed": np.array([seed + i for i in range(count)], np.int64),
        "truncation": np.full(count, truncation, np.float32),
    }
    if labels:
        inputs["labels"] = np.resize(labels, count).astype(np.int32)
    return inputs


def generate(server, inputs, deadline=30.0, retries=4):
    """Generates any number of images; tries again while the server is busy or unreachable.

    Args:
        server: `GrpcServer`, `RestServer` or `LocalExport`.
        inputs: result of `request`.
        deadline: seconds for each batch, with all its retries.
        retries: tries of each batch after the first.

    Returns:
        uint8 NumPy array (n, h, w, c).

    Raises:
        ServingError: the server refuses the inputs, or did not answer in time.
    """
    encoded = []
    for start in range(0, len(inputs["seed"]), _BATCH_SIZE):
        part = {name: value[start : start + _BATCH_SIZE] for name, value in inputs.items()}
        encoded += _generate_with_retries(server, part, deadline, retries)
    return np.stack([tf.io.decode_png(image).numpy() for image in encoded])


def _generate_with_retries(server, inputs, deadline, retries):
    end = time.monotonic() + deadline
    for attempt in range(retries + 1):
        try:
            return server.generate_png(inputs, max(end - time.monotonic(), 0.0))
        except Unavailable as error:
            reason = error
        pause = _FIRST_PAUSE * 2**attempt
        if attempt == retries or time.monotonic() + pause >= end:
            break
        time.sleep(pause)
    raise ServingError(
        f"no answer from {server.name} in {attempt + 1} tries within {deadline:g} s: {reason}"
    ) from reason
