"""Inception of 2015-12-05, the network that defines FID and Inception Score.

Published scores come from the weights and the resize of this network. Another Inception (Keras's,
torchvision's) or another resize gives other numbers.
"""

from __future__ import annotations

import os
import urllib.error
import urllib.request

import tensorflow as tf
from google.protobuf.message import DecodeError

from sagan_tf import files, hashing
from sagan_tf.errors import EvaluationError, first_line
from sagan_tf.evaluation.features import FeatureNetwork, saved_model_function

GRAPH_FILE = "classify_image_graph_def.pb"
GRAPH_URL = (
    "https://openaipublic.blob.core.windows.net/diffusion/jul-2021/ref_batches/" + GRAPH_FILE
)
# Of the 95,673,916 bytes at GRAPH_URL, as published by several of its users.
GRAPH_SHA256 = "009d6814d1bc560d4e7b236e170e9b2d5ca6f4b57bd8037f6db05776204415c6"
ARCHIVE_URL = "http://download.tensorflow.org/models/image/imagenet/inception-2015-12-05.tgz"
_SIZE = 299
_PREPROCESSING = "bilinear resize to 299x299 without anti-aliasing, (pixels - 128) / 128"


def cache_directory():
    """Returns the directory of downloads and statistics: $SAGAN_TF_CACHE, or ~/.cache/sagan_tf."""
    default = os.path.join(os.path.expanduser("~"), ".cache", "sagan_tf")
    return os.environ.get("SAGAN_TF_CACHE", default)


def load(path=None, sha256=None):
    """Loads the Inception network from a path, from the cache, or from a download.

    Args:
        path: the graph (a file), or TF-GAN's SavedModel of it (a directory). None takes the graph
            from the cache, after a download if the cache does not have it.
        sha256: the hash that the file or directory must have. None is the hash of the graph. For
            TF-GAN's SavedModel it must be given, since TF-GAN publishes none.

    Returns:
        A `FeatureNetwork` with features of 2048 numbers and logits of 1008 classes.

    Raises:
        EvaluationError: the network does not exist and cannot be downloaded, has another hash, or
            lacks a tensor. The message says what to do.
    """
    if path is None:
        path = os.path.join(cache_directory(), GRAPH_FILE)
        if not tf.io.gfile.exists(path):
            download(path)
    elif not tf.io.gfile.exists(path):
        raise EvaluationError(f"inception_path={path!r} does not exist; {_how_to_get_it(path)}")
    if tf.io.gfile.isdir(path):
        return _saved_model(path, sha256)
    return _graph(path, sha256 or GRAPH_SHA256)


def download(path, url=GRAPH_URL, sha256=GRAPH_SHA256):
    """Downloads the graph to `path`; the file appears whole and with the right hash, or not.

    Raises:
        EvaluationError: the download failed or has another hash.
        ConfigError: the directory of `path` cannot be written.
    """
    files.check_writable("SAGAN_TF_CACHE", os.path.dirname(path))
    try:
        with urllib.request.urlopen(url, timeout=60) as response:
            content = response.read()
    except (urllib.error.URLError, OSError) as error:
        raise EvaluationError(
            f"the Inception network is not at {path} and its download failed ({error}); "
            + _how_to_get_it(path)
        ) from error
    _check_hash(url, hashing.bytes_sha256(content), sha256)
    tf.io.gfile.makedirs(os.path.dirname(path))
    files.write_whole(path, content)


def _how_to_get_it(path):
    return (
        f"fetch {GRAPH_URL} (or {GRAPH_FILE} inside {ARCHIVE_URL}), sha256 {GRAPH_SHA256}, and put "
        f"it at {path} or pass --inception_path"
    )


def _check_hash(path, actual, expected):
    if actual != expected:
        raise EvaluationError(f"{path} has sha256 {actual}, not {expected}: it is another file")


def _graph(path, sha256):
    _check_hash(path, hashing.file_sha256(path), sha256)
    with tf.io.gfile.GFile(path, "rb") as file:
        content = file.read()
    try:
        graph_def = tf.compat.v1.GraphDef.FromString(content)
        _renew_batch_norms(graph_def)
        function = _graph_function(graph_def)
    except (DecodeError, ValueError, AssertionError) as error:
        reason = first_line(error)
        raise EvaluationError(f"{path} is not the Inception graph: {reason}") from error
    comparable = "yes" if sha256 == GRAPH_SHA256 else "unverified"
    return FeatureNetwork(
        function, "inception-2015-12-05", sha256, _PREPROCESSING, comparable=comparable
    )


def _renew_batch_norms(graph_def):
    """Replaces an op of 2015 by its successor, since TensorFlow 2's functions refuse it."""
    for node in [n for n in graph_def.node if n.op == "BatchNormWithGlobalNormalization"]:
        images, mean, variance, beta, gamma = node.input
        if not node.attr["scale_after_normalization"].b:
            ones = graph_def.node.add(name=node.name + "/ones", op="OnesLike", input=[gamma])
            ones.attr["T"].CopyFrom(node.attr["T"])
            gamma = ones.name
        epsilon = node.attr["variance_epsilon"].f
        node.op = "FusedBatchNorm"
        node.input[:] = [images, gamma, beta, mean, variance]
        del node.attr["variance_epsilon"], node.attr["scale_after_normalization"]
        node.attr["epsilon"].f = epsilon
        node.attr["is_training"].b = False


def _graph_function(graph_def):
    classifier = _input_name(graph_def, "softmax/logits/MatMul", 1)
    # Without the ops that reshape to a batch of one image.
    graph_def = tf.compat.v1.graph_util.extract_sub_graph(graph_def, ["pool_3", classifier])

    def run(images):
        # After ExpandDims the graph itself resizes and normalizes.
        pool, weights = tf.graph_util.import_graph_def(
            graph_def,
            input_map={"ExpandDims:0": images},
            return_elements=["pool_3:0", f"{classifier}:0"],
            name="",
        )
        features = tf.reshape(pool, (tf.shape(images)[0], weights.shape[0]))
        # Inception Score is defined without the last layer's bias (arXiv:1606.03498's code).
        return {"features": features, "logits": tf.matmul(features, weights)}

    images = tf.TensorSpec((None, None, None, 3), tf.float32)
    return tf.compat.v1.wrap_function(run, [images])


def _input_name(graph_def, node_name, index):
    for node in graph_def.node:
        if node.name == node_name:
            return node.input[index].partition(":")[0]
    raise ValueError(f"it has no node {node_name}")


def _saved_model(path, sha256):
    actual = hashing.directory_sha256(path)
    if sha256 is None:
        raise EvaluationError(
            f"the SavedModel {path} has sha256 {actual}, and TF-GAN publishes none to compare it "
            f"with; if you trust its origin, pass --inception_sha256={actual}"
        )
    _check_hash(path, actual, sha256)
    call = saved_model_function(path)

    def function(images):
        # The resize of the graph is TensorFlow 1's: bilinear, without half-pixel centres.
        images = tf.compat.v1.image.resize_bilinear(images, (_SIZE, _SIZE))
        outputs = call((images - 128.0) / 128.0)
        if not {"pool_3", "logits"} <= set(outputs):
            raise EvaluationError(
                f"the SavedModel {path} returns {sorted(outputs)}; TF-GAN's returns pool_3, logits"
            )
        return {"features": outputs["pool_3"], "logits": outputs["logits"]}

    return FeatureNetwork(
        function,
        "inception-2015-12-05 (SavedModel)",
        sha256,
        _PREPROCESSING,
        comparable="unverified",
    )
