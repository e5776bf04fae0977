"""What the benchmark of a step counts and how it sorts operations."""

import pathlib
import sys

import tensorflow as tf

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "benchmarks"))
import step_profile


def test_operations_of_convolutions_and_products_are_counted():
    @tf.function
    def step(images, kernel, matrix):
        with tf.GradientTape() as tape:
            tape.watch(kernel)
            outputs = tf.nn.conv2d(images, kernel, 1, "SAME")
        gradient = tape.gradient(outputs, kernel)  # and one of the images, which nothing needs
        return outputs, gradient, tf.matmul(matrix, matrix), tf.exp(matrix)

    inputs = tf.zeros((2, 8, 8, 3)), tf.zeros((3, 3, 3, 5)), tf.zeros((7, 7))
    graph = step.get_concrete_function(*inputs).graph
    convolution = 2 * 9 * 2 * 8 * 8 * 3 * 5
    assert step_profile.linear_operations(graph) == 2 * convolution + 2 * 7**3


def test_a_profile_names_the_parts_of_a_step(tmp_path, capsys):
    @tf.function
    def step(images, kernel):
        with tf.name_scope("batch_norm"):
            images = images * tf.reduce_mean(images)
        return tf.nn.conv2d(images, kernel, 1, "SAME")

    inputs = tf.ones((4, 64, 64, 16)), tf.ones((3, 3, 16, 16))
    step(*inputs)
    graph = step.get_concrete_function(*inputs).graph
    step_profile.write(lambda: step(*inputs), graph, str(tmp_path))
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    parts = {
        line[0]: float(line[-1].rstrip("%"))
        for line in lines[lines.index(["part", "ms", "a", "step", "share"]) + 1 :]
    }
    assert parts["convolutions"] > 0 and parts["batch"] > 0
    assert 99 < sum(parts.values()) < 101
