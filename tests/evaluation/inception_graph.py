"""A small graph with the tensor names, the ops and the age of the Inception graph of 2015."""

import numpy as np
import tensorflow as tf

FEATURES, CLASSES = 6, 5
# Graphs of 2015 have this op, which newer graphs may not use: TensorFlow 2 runs it from old ones.
_OLD_OP, _OLD_PRODUCER = "BatchNormWithGlobalNormalization", 8


def weights():
    rng = np.random.default_rng(0)
    return {
        "kernel": rng.standard_normal((32, 32, 3, FEATURES)).astype(np.float32) / 32,
        "mean": rng.standard_normal(FEATURES).astype(np.float32),
        "variance": rng.uniform(0.5, 2.0, FEATURES).astype(np.float32),
        "beta": rng.standard_normal(FEATURES).astype(np.float32),
        "gamma": rng.uniform(0.5, 2.0, FEATURES).astype(np.float32),
        "classifier": rng.standard_normal((FEATURES, CLASSES)).astype(np.float32),
    }


def graph_def(scale_after_normalization=False):
    v1, w = tf.compat.v1, weights()
    with tf.Graph().as_default() as graph:
        contents = v1.placeholder(tf.string, (), "DecodeJpeg/contents")
        image = tf.cast(tf.io.decode_jpeg(contents, channels=3, name="DecodeJpeg"), tf.float32)
        images = tf.expand_dims(image, 0, name="ExpandDims")
        resized = v1.image.resize_bilinear(images, (299, 299), name="ResizeBilinear")
        normalized = (resized - 128.0) * (1.0 / 128.0)
        conv = tf.nn.conv2d(normalized, w["kernel"], 32, "VALID", name="conv/Conv2D")
        statistics = [tf.constant(w[n], name=n) for n in ("mean", "variance", "beta", "gamma")]
        # Stands where the old op will be: same inputs, same type.
        norm = tf.identity(conv, name="conv/batchnorm")
        towers = tf.split(tf.nn.relu(norm), 2, axis=3)
        checked = [tf.debugging.check_numerics(tower, "tower") for tower in towers]
        join = tf.raw_ops.Concat(concat_dim=3, values=checked, name="mixed/join")
        pool = tf.nn.avg_pool2d(join, 9, 1, "VALID", name="pool_3")
        flat = tf.reshape(pool, (1, FEATURES), name="pool_3/_reshape")
        with v1.name_scope("softmax/logits/"):
            logits = tf.matmul(flat, tf.constant(w["classifier"]), name="MatMul")
        tf.nn.softmax(tf.nn.bias_add(logits, tf.ones(CLASSES)), name="softmax")
    definition = graph.as_graph_def()
    definition.versions.producer, definition.versions.min_consumer = _OLD_PRODUCER, 0
    (node,) = [n for n in definition.node if n.name == "conv/batchnorm"]
    node.op = _OLD_OP
    node.input.extend(t.op.name for t in statistics)
    node.attr["variance_epsilon"].f = 1e-3
    node.attr["scale_after_normalization"].b = scale_after_normalization
    return definition


def resize_as_defined(images, size=299):
    """Bilinear without half-pixel centres or anti-aliasing: what FID's definition uses."""
    for axis in (1, 2):
        length = images.shape[axis]
        place = np.arange(size) * np.float32(length / size)
        low = np.floor(place).astype(int)
        high = np.minimum(low + 1, length - 1)
        part = (place - low).reshape((-1, 1, 1) if axis == 1 else (-1, 1))
        images = np.take(images, low, axis) * (1 - part) + np.take(images, high, axis) * part
    return images


def expected(images, scale_after_normalization=False):
    """Features and logits of the graph for uint8 images (n, h, w, 3), by NumPy."""
    w = weights()
    normalized = (resize_as_defined(images.astype(np.float64)) - 128.0) / 128.0
    patches = normalized[:, :288, :288].reshape(-1, 9, 32, 9, 32, 3)
    conv = np.einsum("nyhxwc,hwcf->nyxf", patches, w["kernel"].astype(np.float64))
    scale = w["gamma"] if scale_after_normalization else 1.0
    norm = (conv - w["mean"]) / np.sqrt(w["variance"] + 1e-3) * scale + w["beta"]
    features = np.maximum(norm, 0.0).mean(axis=(1, 2))
    return features, features @ w["classifier"]


class TFGANInception(tf.Module):
    """Has the inputs and outputs of TF-GAN's SavedModel: the graph behind its resize."""

    @tf.function(input_signature=[tf.TensorSpec((None, 299, 299, 3), tf.float32)])
    def __call__(self, images):
        w = weights()
        conv = tf.nn.conv2d(images, w["kernel"], 32, "VALID")
        scale = 1.0 / np.sqrt(w["variance"] + 1e-3)
        pool = tf.reduce_mean(tf.nn.relu((conv - w["mean"]) * scale + w["beta"]), (1, 2), True)
        return {"pool_3": pool, "logits": pool[:, 0, 0] @ w["classifier"]}
