"""Convolution, dense and embedding layers whose kernels are divided by their spectral norm.

Spectral normalization (Miyato et al., arXiv:1802.05957; SAGAN section 4.1) bounds the largest
singular value of every linear map. Here it is a reparametrization: the raw kernel is what the
optimizer moves, the forward pass uses `kernel / sigma`, and the gradient flows through `sigma`.
"""

import contextlib
import math
import threading

import keras
import tensorflow as tf

from sagan_tf.keras_compat import NO_AUTOCAST
from sagan_tf.layers import recomputation

_KERNEL_NAMES = ("kernel", "embeddings")
# From so many times the size of one input on, kernels are larger than a batch of inputs.
_LARGE_KERNEL = 16
_local = threading.local()  # a thread for each replica traces the training step


@contextlib.contextmanager
def u_kept():
    """Calls inside store no `u`, whatever `training` says, so later ones see the same kernels.

    For the micro-batches of one update: all but the last are called inside.
    """
    before, _local.u_kept = getattr(_local, "u_kept", False), True
    try:
        yield
    finally:
        _local.u_kept = before


def power_iteration(matrix, u):
    """One step of power iteration: the next `u` and the estimate of the largest singular value.

    The gradient of `sigma` treats both singular vectors as constants, as Miyato et al.'s
    equation 9 does.

    Args:
        matrix: float32 (rows, columns).
        u: float32 (columns,), the current right singular vector; its length does not matter.

    Returns:
        The next `u`, (columns,), of length 1 (unchanged where `matrix` maps it to 0), and the
        scalar `sigma`.
    """
    v, next_u, _ = _iterate(tf.stop_gradient(matrix), u)
    sigma = tf.reduce_sum(tf.linalg.matvec(matrix, v, transpose_a=True) * next_u)
    return next_u, sigma


@tf.custom_gradient
def inverse_sigma(matrix, u):
    """`1 / sigma`, 0 for a matrix of zeros, and the next `u`; `power_iteration` says how.

    The same as one over `power_iteration`'s `sigma`, with a gradient that reads no matrix.

    Args:
        matrix: float32 (rows, columns).
        u: float32 (columns,).
    """
    v, next_u, sigma = _iterate(matrix, u)
    inverse = tf.math.reciprocal_no_nan(sigma)

    def gradient(upstream, _):
        with tf.name_scope("spectral_norm"):
            # d sigma / d matrix = v next_u^T (equation 9).
            scaled = -upstream * inverse**2 * v
            return tf.linalg.matmul(scaled[:, None], next_u[None, :]), None

    return (inverse, next_u), gradient


def _iterate(matrix, u):
    """The left and the next right singular vector of length 1, and sigma."""
    v = _unit(tf.linalg.matvec(matrix, u))
    product = tf.linalg.matvec(matrix, v, transpose_a=True)  # sigma * next_u
    sigma = tf.norm(product)
    return v, tf.where(sigma > 0.0, tf.math.divide_no_nan(product, sigma), u), sigma


def _unit(vector):
    return tf.math.divide_no_nan(vector, tf.norm(vector))


class SpectralNormalized:
    """Mixin for a Keras layer with a kernel: adds `u` and divides the kernel by its norm.

    The kernel is seen as a matrix of shape (everything else, last axis). Each call makes one
    power iteration from the stored `u`; only `training=True` stores the result. So all calls
    between two updates of the kernel use the same numbers, whatever their order. `u` and `sigma`
    stay float32 under every precision policy.
    """

    def build(self, input_shape):
        """Creates the kernel of the Keras layer, and `u` beside it."""
        super().build(input_shape)
        self.u = self.add_weight(
            name="u",
            shape=(self.raw_kernel.shape[-1],),
            dtype="float32",
            initializer=keras.initializers.RandomNormal(stddev=1.0),
            trainable=False,
            **NO_AUTOCAST,
        )

    def add_weight(self, *args, **kwargs):
        """Keras's `add_weight`, with kernels left in float32 by mixed precision."""
        name = args[0] if args and isinstance(args[0], str) else kwargs.get("name")
        if name in _KERNEL_NAMES:
            kwargs.update(NO_AUTOCAST)
        return super().add_weight(*args, **kwargs)

    @property
    def raw_kernel(self):
        """The trainable weight, before normalization."""
        return self.kernel

    def _matrix(self):
        kernel = tf.convert_to_tensor(self.raw_kernel)
        return tf.reshape(kernel, (-1, kernel.shape[-1]))  # (everything else, last axis)

    def sigma(self):
        """The spectral norm that the next call will divide by: a float32 scalar."""
        return power_iteration(self._matrix(), tf.convert_to_tensor(self.u))[1]

    def normalized_kernel(self, training=False):
        """`kernel / sigma`, float32, in the kernel's shape; zeros for a kernel of zeros.

        Args:
            training: whether to store the power iteration's `u`.
        """
        inverse = self._inverse_sigma(training)
        with tf.name_scope("spectral_norm"):
            return inverse * tf.convert_to_tensor(self.raw_kernel)

    def _inverse_sigma(self, training):
        with tf.name_scope("spectral_norm"):
            inverse, next_u = inverse_sigma(self._matrix(), recomputation.value_of(self.u))
        kept = getattr(_local, "u_kept", False) or recomputation.is_repeated()
        if training and not kept:
            self.u.assign(next_u)
        return inverse

    def _divided(self, inputs, training):
        """Inputs and kernel, either divided by sigma: the smaller, since the layer is linear."""
        example = inputs.shape[1:].num_elements()
        if example is None or math.prod(self.raw_kernel.shape) < _LARGE_KERNEL * example:
            return inputs, tf.cast(self.normalized_kernel(training), inputs.dtype)
        inverse = self._inverse_sigma(training)
        with tf.name_scope("spectral_norm"):
            scaled = tf.cast(inverse * tf.cast(inputs, tf.float32), inputs.dtype)
        return scaled, tf.cast(tf.convert_to_tensor(self.raw_kernel), inputs.dtype)

    def save_own_variables(self, store):
        """Saves all weights; Keras's convolution and dense layers would leave out `u`."""
        keras.layers.Layer.save_own_variables(self, store)

    def load_own_variables(self, store):
        """Loads all weights that `save_own_variables` saved."""
        keras.layers.Layer.load_own_variables(self, store)

    def _finish(self, outputs):
        if self.use_bias:
            outputs = tf.nn.bias_add(outputs, tf.cast(self.bias, outputs.dtype))
        return outputs if self.activation is None else self.activation(outputs)


@keras.saving.register_keras_serializable(package="sagan_tf")
class SpectralConv2D(SpectralNormalized, keras.layers.Conv2D):
    """`keras.layers.Conv2D` with a spectrally normalized kernel, for NHWC images.

    The kernel (kh, kw, in, out) is normalized as the matrix (kh*kw*in, out), as in SAGAN's
    released code.

    Args:
        Those of `keras.layers.Conv2D`.

    Input shape: (b, h, w, in). Output shape: (b, h', w', filters).

    Example:
        >>> layer = SpectralConv2D(64, 3, padding="same")
        >>> layer(images, training=True).shape
        (8, 32, 32, 64)

    Reference: Miyato et al., arXiv:1802.05957, algorithm 1.
    """

    def call(self, inputs, training=False):
        """Convolves with the normalized kernel; `training=True` also stores the next `u`."""
        return self._finish(self.convolution_op(*self._divided(inputs, training)))


@keras.saving.register_keras_serializable(package="sagan_tf")
class SpectralDense(SpectralNormalized, keras.layers.Dense):
    """`keras.layers.Dense` with a spectrally normalized kernel.

    Args:
        Those of `keras.layers.Dense`.

    Input shape: (b, in). Output shape: (b, units).

    Reference: Miyato et al., arXiv:1802.05957, algorithm 1.
    """

    def call(self, inputs, training=False):
        """Multiplies by the normalized kernel; `training=True` also stores the next `u`."""
        return self._finish(tf.linalg.matmul(*self._divided(inputs, training)))


@keras.saving.register_keras_serializable(package="sagan_tf")
class SpectralEmbedding(SpectralNormalized, keras.layers.Embedding):
    """`keras.layers.Embedding` whose (input_dim, output_dim) matrix is spectrally normalized.

    The projection discriminator's class embedding (Miyato & Koyama, arXiv:1802.05637).

    Args:
        Those of `keras.layers.Embedding`.

    Input shape: integers (b,). Output shape: (b, output_dim), in the compute dtype.

    Reference: Miyato et al., arXiv:1802.05957, algorithm 1.
    """

    @property
    def raw_kernel(self):
        """The trainable weight, before normalization."""
        return self.embeddings

    def call(self, inputs, training=False):
        """Looks up rows of the normalized matrix; `training=True` also stores the next `u`."""
        embeddings = self.normalized_kernel(training)
        return tf.cast(tf.gather(embeddings, inputs), self.compute_dtype)

    def compute_output_spec(self, inputs, training=False):
        """Keras 3 asks for this with all of `call`'s arguments; its own takes one."""
        return super().compute_output_spec(inputs)
