"""Spectral normalization of a kernel by one step of power iteration.

A kernel is seen as a matrix of shape (everything else, last axis).
"""

import math

import tensorflow as tf

from sagan_tf.ops import forms

# A kernel with more than 16 times the elements of one example is taken to be larger than a batch.
# Then it is cheaper to divide the inputs than the kernel.
_LARGE_KERNEL = 16


def normalize_kernel(kernel, u):
    """Divides a kernel by the estimate of its spectral norm: `kernel / sigma`.

    Args:
        kernel: float32, of any shape.
        u: float32 (size of the last axis,), the current right singular vector.

    Returns:
        `kernel / sigma`, zeros for a kernel of zeros; and the next `u`.
    """
    with tf.name_scope("spectral_norm"):
        if forms.form("spectral_norm") == "reference":
            return reference(kernel, u)
        inverse, next_u = _inverse_sigma(as_matrix(kernel), u)
        return inverse * kernel, next_u


def normalize_operands(inputs, kernel, u):
    """The operands of a linear map with the kernel `kernel / sigma`, and the next `u`.

    The map is linear, so the fast form divides the smaller operand.

    Args:
        inputs: (b, ...), in the dtype that the map computes in.
        kernel: float32, of any shape.
        u: float32 (size of the last axis,), the current right singular vector.
    """
    example = inputs.shape[1:].num_elements()
    is_large = example is not None and math.prod(kernel.shape) >= _LARGE_KERNEL * example
    if forms.form("spectral_norm") == "reference" or not is_large:
        kernel, next_u = normalize_kernel(kernel, u)
        return inputs, tf.cast(kernel, inputs.dtype), next_u
    with tf.name_scope("spectral_norm"):
        inverse, next_u = _inverse_sigma(as_matrix(kernel), u)
        scaled = tf.cast(inverse * tf.cast(inputs, tf.float32), inputs.dtype)
    return scaled, tf.cast(kernel, inputs.dtype), next_u


def reference(kernel, u):
    """The plain form of `normalize_kernel`."""
    next_u, sigma = power_iteration(as_matrix(kernel), u)
    return tf.math.divide_no_nan(kernel, sigma), next_u


def as_matrix(kernel):
    """A kernel as the matrix (everything else, last axis)."""
    return tf.reshape(kernel, (-1, kernel.shape[-1]))


def power_iteration(matrix, u):
    """One step of power iteration: the next `u` and the estimate of the largest singular value.

    `v = W u / |W u|`, `u' = W^T v / |W^T v|`, `sigma = v^T W u'`. The gradient of `sigma` treats
    both vectors as constants (Miyato et al., arXiv:1802.05957, algorithm 1 and equation 9).

    Args:
        matrix: float32 (rows, columns).
        u: float32 (columns,), the current right singular vector; its length does not matter.

    Returns:
        The next `u`, (columns,), of length 1 (unchanged where `matrix` maps it to 0), and the
        scalar `sigma`.
    """
    constant = tf.stop_gradient(matrix)
    v = _l2_normalize(tf.linalg.matvec(constant, u))
    product = tf.linalg.matvec(constant, v, transpose_a=True)
    next_u = tf.where(tf.norm(product) > 0.0, _l2_normalize(product), u)
    sigma = tf.tensordot(tf.linalg.matvec(matrix, v, transpose_a=True), next_u, 1)
    return next_u, sigma


def _l2_normalize(vector):
    return tf.math.divide_no_nan(vector, tf.norm(vector))


@tf.custom_gradient
def _inverse_sigma(matrix, u):
    """`1 / sigma`, 0 for a matrix of zeros, and the next `u`; its gradient reads no matrix."""
    v = _l2_normalize(tf.linalg.matvec(matrix, u))
    product = tf.linalg.matvec(matrix, v, transpose_a=True)  # sigma * next_u
    sigma = tf.norm(product)
    next_u = tf.where(sigma > 0.0, tf.math.divide_no_nan(product, sigma), u)
    inverse = tf.math.reciprocal_no_nan(sigma)

    def gradient(upstream, _):
        with tf.name_scope("spectral_norm"):
            # d sigma / d matrix = v next_u^T (equation 9).
            scaled = -upstream * inverse**2 * v
            return tf.linalg.matmul(scaled[:, None], next_u[None, :]), None

    return (inverse, next_u), gradient
