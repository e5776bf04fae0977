"""Convolution, dense and embedding layers whose kernels are divided by their spectral norm.

Spectral normalization (Miyato et al., arXiv:1802.05957; SAGAN section 4.1) bounds the largest
singular value of every linear map. Here it is a reparametrization: the optimizer moves the raw
kernel, the forward pass uses `kernel / sigma`, and the gradient flows through `sigma`.

`keras.layers.SpectralNormalization` computes another gradient: it overwrites the kernel with
`kernel / sigma` in every training call. So two calls in one step see different kernels.

`conv2d`, `dense` and `embedding` make a layer with or without spectral normalization.
"""

import keras
import tensorflow as tf

from sagan_tf.keras_compat import NO_AUTOCAST, named_layers
from sagan_tf.ops.conv3x3 import conv3x3
from sagan_tf.ops.spectral_norm import (
    as_matrix,
    normalize_kernel,
    normalize_operands,
    power_iteration,
)

_KERNEL_NAMES = ("kernel", "embeddings")
# Xavier's uniform initialization for every kernel, as in the released code.
_INITIALIZER = "glorot_uniform"


class SpectralNormalized:
    """Mixin for a Keras layer with a kernel: adds `u` and divides the kernel by its norm.

    The kernel is seen as a matrix of shape (everything else, last axis). Each call makes one
    power iteration from the stored `u`, and `training=True` stores the next `u`. So an inference
    call and the training call after it divide by the same `sigma`; a second training call is one
    iteration further. `u` and `sigma` stay float32 under every precision policy.
    """

    def build(self, input_shape):
        """Creates the kernel of the Keras layer, and `u`."""
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

    def sigma(self):
        """The spectral norm that the next call will divide by: a float32 scalar."""
        kernel = tf.convert_to_tensor(self.raw_kernel)
        return power_iteration(as_matrix(kernel), tf.convert_to_tensor(self.u))[1]

    def normalized_kernel(self, training=False):
        """`kernel / sigma`, float32, in the kernel's shape; zeros for a kernel of zeros.

        Args:
            training: whether to store the power iteration's `u`.
        """
        kernel, u = tf.convert_to_tensor(self.raw_kernel), tf.convert_to_tensor(self.u)
        kernel, next_u = normalize_kernel(kernel, u)
        if training:
            self.u.assign(next_u)
        return kernel

    def _normalized_operands(self, inputs, training):
        """`inputs` and `kernel / sigma`, as a linear map takes them."""
        kernel, u = tf.convert_to_tensor(self.raw_kernel), tf.convert_to_tensor(self.u)
        inputs, kernel, next_u = normalize_operands(inputs, kernel, u)
        if training:
            self.u.assign(next_u)
        return inputs, kernel

    def save_own_variables(self, store):
        """Saves all weights; Keras's convolution and dense layers would leave out `u`."""
        keras.layers.Layer.save_own_variables(self, store)

    def load_own_variables(self, store):
        """Loads all weights that `save_own_variables` saved."""
        keras.layers.Layer.load_own_variables(self, store)

    def _add_bias_and_activate(self, outputs):
        if self.use_bias:
            channels_first = getattr(self, "data_format", None) == "channels_first"
            layout = "NC.." if channels_first else "N..C"
            outputs = tf.nn.bias_add(outputs, tf.cast(self.bias, outputs.dtype), layout)
        return outputs if self.activation is None else self.activation(outputs)


@keras.saving.register_keras_serializable(package="sagan_tf")
class SpectralConv2D(SpectralNormalized, keras.layers.Conv2D):
    """`keras.layers.Conv2D` with a spectrally normalized kernel.

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
        inputs, kernel = self._normalized_operands(inputs, training)
        return self._add_bias_and_activate(self.convolution_op(inputs, kernel))


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
        inputs, kernel = self._normalized_operands(inputs, training)
        return self._add_bias_and_activate(tf.linalg.matmul(inputs, kernel))


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


class _ResamplingConv3x3:
    """Mixin for a 3x3 "same" convolution that may upsample its input or pool its output.

    Args:
        filters: output channels.
        resampling: None, "up" or "down"; see `ops.conv3x3`.
        **kwargs: those of `keras.layers.Conv2D`.
    """

    def __init__(self, filters, resampling=None, **kwargs):
        kwargs["data_format"] = "channels_last"  # keras.json may say channels_first
        super().__init__(filters, 3, padding="same", **kwargs)
        self.resampling = resampling

    def convolution_op(self, inputs, kernel):
        return conv3x3(inputs, tf.convert_to_tensor(kernel), self.resampling)

    def compute_output_shape(self, input_shape):
        factor = {None: 1.0, "up": 2.0, "down": 0.5}[self.resampling]
        sizes = (None if size is None else int(size * factor) for size in input_shape[1:3])
        return (input_shape[0], *sizes, self.filters)


class Conv3x3(_ResamplingConv3x3, keras.layers.Conv2D):
    """A 3x3 convolution."""


class SpectralConv3x3(_ResamplingConv3x3, SpectralConv2D):
    """A spectrally normalized 3x3 convolution."""


def conv2d(filters, kernel_size, spectral_norm, resampling=None, **kwargs):
    """A "same" convolution of stride 1, spectrally normalized or not.

    A 3x3 convolution with `resampling="up"` upsamples its input first; with `"down"` it averages
    its output over 2x2 squares.
    """
    kwargs["kernel_initializer"] = _INITIALIZER
    if kernel_size == 3:
        return (SpectralConv3x3 if spectral_norm else Conv3x3)(filters, resampling, **kwargs)
    layer = SpectralConv2D if spectral_norm else keras.layers.Conv2D
    return layer(filters, kernel_size, padding="same", data_format="channels_last", **kwargs)


def dense(units, spectral_norm, **kwargs):
    """A dense layer, spectrally normalized or not."""
    layer = SpectralDense if spectral_norm else keras.layers.Dense
    return layer(units, kernel_initializer=_INITIALIZER, **kwargs)


def embedding(num_classes, output_dim, spectral_norm, **kwargs):
    """A class embedding, spectrally normalized or not."""
    layer = SpectralEmbedding if spectral_norm else keras.layers.Embedding
    return layer(num_classes, output_dim, embeddings_initializer=_INITIALIZER, **kwargs)


def singular_vectors(network):
    """{path: variable} of every `u` of spectral normalization in a network."""
    return {
        f"{path}/u": layer.u
        for path, layer in named_layers(network)
        if isinstance(layer, SpectralNormalized)
    }
