"""Gradients of bilinear operations that keep only the two operands in memory."""

import functools

import tensorflow as tf


def bilinear(function):
    """Wraps an operation of images and a kernel so that its gradient keeps these two alone.

    The gradient recomputes the intermediate results from the two operands.

    Args:
        function: of (images, kernel), linear in each.
    """
    name = function.__name__.strip("_")  # of an operation: it may not begin with an underscore

    @tf.custom_gradient
    @functools.wraps(function)
    def frugal(images, kernel):
        def gradient(upstream):
            # Waits for `upstream`: otherwise TensorFlow takes the results of the first run.
            with tf.name_scope(name), tf.control_dependencies([upstream]):
                with tf.GradientTape() as tape:
                    tape.watch((images, kernel))
                    outputs = function(images, kernel)
                return tape.gradient(outputs, (images, kernel), upstream)

        return function(images, kernel), gradient

    return frugal
