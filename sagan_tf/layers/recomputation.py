"""Gradient checkpointing: activations computed again for the gradient instead of kept."""

import contextlib
import functools
import threading

import tensorflow as tf

_local = threading.local()  # a thread for each replica traces the training step


def recomputed(function):
    """`function`, of one tensor, that keeps none of its intermediate results for the gradient.

    They are computed again when the gradient is asked for: more time, less memory, same numbers.
    The second run sees the `u` of the first, and moves neither `u` nor moving statistics. Use what
    is returned for one call.

    Reference: Chen et al., arXiv:1604.06174.
    """
    first_values = []
    runs = []

    def run(inputs):
        runs.append(None)
        with _using(first_values, is_repeated=len(runs) > 1):
            return function(inputs)

    return tf.recompute_grad(run)


def bilinear(function):
    """`function` of images and a kernel, linear in each, that keeps them alone for the gradient.

    What it computes from the images on the way is computed again, but not its result.
    """
    name = function.__name__

    @tf.custom_gradient
    @functools.wraps(function)
    def frugal(images, kernel):
        def gradient(upstream):
            # Waits for `upstream`: else TensorFlow would take the results of the first run.
            with tf.name_scope(name), tf.control_dependencies([upstream]):
                with tf.GradientTape() as tape:
                    tape.watch((images, kernel))
                    outputs = function(images, kernel)
                return tape.gradient(outputs, (images, kernel), upstream)

        return function(images, kernel), gradient

    return frugal


def is_repeated():
    """Whether this call computes again what a call before has computed."""
    return getattr(_local, "is_repeated", False)


def value_of(variable):
    """The value of a variable that calls move; in a repeated call, what it was in the first."""
    if is_repeated():
        return next(_local.values)
    value = tf.convert_to_tensor(variable)
    if hasattr(_local, "values"):
        _local.values.append(value)
    return value


@contextlib.contextmanager
def _using(values, is_repeated):
    before = dict(vars(_local))
    _local.values, _local.is_repeated = (iter(values) if is_repeated else values), is_repeated
    try:
        yield
    finally:
        vars(_local).clear()
        vars(_local).update(before)
