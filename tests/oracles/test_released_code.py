"""Attention, residual blocks and their batch norm against a transcription of the released code.

The formulas of the authors' TF1 code, written here as a plain `tf.compat.v1` graph: order of
operations as there (a 1x1 convolution after upsampling and before pooling, where ours commutes
them), its own power iteration, its own batch moments. Values and gradients must be equal.
"""

import numpy as np
import pytest
import tensorflow as tf

from sagan_tf.keras_compat import named_variables
from sagan_tf.layers import DiscriminatorBlock, GeneratorBlock, SelfAttention2D

v1 = tf.compat.v1
EPSILON = 1e-5  # of batch norm


class Transcription:
    """The layers of the released code as functions of images, with another layer's weights."""

    def __init__(self, weights):
        self.weights = {path: v1.constant(value) for path, value in weights.items()}

    def conv(self, images, name):
        kernel, u = self.weights[f"{name}/kernel"], self.weights[f"{name}/u"][None, :]
        matrix = tf.reshape(kernel, (-1, kernel.shape[-1]))
        v = tf.stop_gradient(tf.math.l2_normalize(tf.matmul(u, matrix, transpose_b=True)))
        u = tf.stop_gradient(tf.math.l2_normalize(tf.matmul(v, matrix)))
        sigma = tf.matmul(tf.matmul(v, matrix), u, transpose_b=True)[0, 0]
        outputs = v1.nn.conv2d(images, kernel / sigma, strides=(1, 1, 1, 1), padding="SAME")
        bias = self.weights.get(f"{name}/bias")
        return outputs if bias is None else v1.nn.bias_add(outputs, bias)

    def conditional_norm(self, images, labels, name):
        mean, variance = tf.nn.moments(images, (0, 1, 2), keepdims=True)
        gamma = tf.gather(self.weights[f"{name}/gamma"], labels)[:, None, None, :]
        beta = tf.gather(self.weights[f"{name}/beta"], labels)[:, None, None, :]
        return tf.nn.batch_normalization(images, mean, variance, beta, gamma, EPSILON)

    def attention(self, images, _):
        _, height, width, channels = images.shape
        theta = self.conv(images, "query")
        phi = max_pool(self.conv(images, "key"))
        g = max_pool(self.conv(images, "value"))
        theta, phi, g = (
            tf.reshape(x, (-1, x.shape[1] * x.shape[2], x.shape[3])) for x in (theta, phi, g)
        )
        attention = tf.nn.softmax(tf.matmul(theta, phi, transpose_b=True))
        attended = tf.reshape(tf.matmul(attention, g), (-1, height, width, channels // 2))
        return images + self.weights["gamma"] * self.conv(attended, "output_projection")

    def generator_block(self, images, labels):
        hidden = tf.nn.relu(self.conditional_norm(images, labels, "norm1"))
        hidden = self.conv(upsample(hidden), "conv1")
        hidden = tf.nn.relu(self.conditional_norm(hidden, labels, "norm2"))
        hidden = self.conv(hidden, "conv2")
        return hidden + self.conv(upsample(images), "shortcut")

    def discriminator_block(self, images, _):
        hidden = self.conv(tf.nn.relu(images), "conv1")
        hidden = pool(self.conv(tf.nn.relu(hidden), "conv2"))
        return hidden + pool(self.conv(images, "shortcut"))

    def first_block(self, images, _):
        hidden = self.conv(tf.nn.relu(self.conv(images, "conv1")), "conv2")
        return pool(hidden) + self.conv(pool(images), "shortcut")


def upsample(images):
    _, height, width, _ = images.shape
    return v1.image.resize_nearest_neighbor(images, (2 * height, 2 * width))


def pool(images):
    return v1.nn.avg_pool(images, (1, 2, 2, 1), (1, 2, 2, 1), "SAME")


def max_pool(images):
    return v1.nn.max_pool(images, (1, 2, 2, 1), (1, 2, 2, 1), "SAME")


CHANNELS = 16
CASES = {
    "attention": (lambda: SelfAttention2D(2, name="it"), "attention"),
    "generator_block": (
        lambda: GeneratorBlock(12, 3, batch_norm_epsilon=EPSILON, name="it"),
        "generator_block",
    ),
    "discriminator_block": (lambda: DiscriminatorBlock(12, name="it"), "discriminator_block"),
    "first_block": (
        lambda: DiscriminatorBlock(12, preactivation=False, name="it"),
        "first_block",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_values_and_gradients(case):
    make, formula = CASES[case]
    random = np.random.default_rng(4)
    layer = make()
    layer.build((None, 8, 8, CHANNELS))
    variables = all_variables(layer)
    for path, variable in variables.items():
        if "moving" not in path:
            variable.assign(random.normal(0.3, 0.5, variable.shape))
    images = random.standard_normal((4, 8, 8, CHANNELS)).astype("f4")
    labels = np.array([0, 2, 1, 2])
    trained = [path for path in variables if not path.endswith("/u") and "moving" not in path]
    theirs = transcribed(formula, variables, trained, images, labels)
    inputs = tf.constant(images)
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        arguments = (labels,) if case == "generator_block" else ()
        outputs = layer(inputs, *arguments, training=True)
        loss = tf.reduce_sum(tf.sin(outputs))
    raw = [variables[path] for path in trained]
    raw = [variable if isinstance(variable, tf.Variable) else variable.value for variable in raw]
    ours = [outputs, *map(tf.convert_to_tensor, tape.gradient(loss, [inputs, *raw]))]
    # The gradient of a bias in front of a batch norm is 0 but for rounding: hence the floor.
    floor = 3e-2 * max(np.abs(other).max() for other in theirs)
    for name, mine, other in zip(["outputs", "images", *trained], ours, theirs):
        scale = np.abs(other).max() + floor
        np.testing.assert_allclose(mine / scale, other / scale, atol=2e-4, err_msg=name)
    assert all(np.abs(other).max() > 1e-3 for other in theirs[:2])


def all_variables(layer):
    """Every variable of a layer by path, its own included."""
    own = [
        v for v in layer.weights if not any(v is inner for inner in named_variables(layer).values())
    ]
    names = {variable.name.split("/")[-1].split(":")[0]: variable for variable in own}
    return {**names, **named_variables(layer)}


def transcribed(formula, variables, trained, images, labels):
    """Outputs of the transcription, and gradients of the images and of the trained weights."""
    weights = {path: np.array(variable) for path, variable in variables.items()}
    with tf.Graph().as_default(), v1.Session() as session:
        code = Transcription(weights)
        inputs = v1.constant(images)
        outputs = getattr(code, formula)(inputs, v1.constant(labels))
        loss = tf.reduce_sum(tf.sin(outputs))
        gradients = v1.gradients(loss, [inputs, *(code.weights[path] for path in trained)])
        return session.run([outputs, *map(tf.convert_to_tensor, gradients)])
