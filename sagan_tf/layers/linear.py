"""Linear layers with or without spectral normalization, initialised as the released code does."""

import keras

from sagan_tf.layers.conv3x3 import Conv3x3, SpectralConv3x3
from sagan_tf.layers.spectral_norm import SpectralConv2D, SpectralDense, SpectralEmbedding

# Xavier's uniform initialization for every kernel, as in the released code.
_INITIALIZER = "glorot_uniform"


def conv2d(filters, kernel_size, spectral_norm, resampling=None, **kwargs):
    """A "same" convolution of stride 1, spectrally normalized or not.

    A 3x3 convolution with `resampling="up"` upsamples its input first; with `"down"` it averages
    its output over 2x2 squares.
    """
    kwargs["kernel_initializer"] = _INITIALIZER
    kwargs["data_format"] = "channels_last"  # whatever keras.json says
    if kernel_size == 3:
        return (SpectralConv3x3 if spectral_norm else Conv3x3)(filters, resampling, **kwargs)
    layer = SpectralConv2D if spectral_norm else keras.layers.Conv2D
    return layer(filters, kernel_size, padding="same", **kwargs)


def dense(units, spectral_norm, **kwargs):
    """A dense layer, spectrally normalized or not."""
    layer = SpectralDense if spectral_norm else keras.layers.Dense
    return layer(units, kernel_initializer=_INITIALIZER, **kwargs)


def embedding(num_classes, output_dim, spectral_norm, **kwargs):
    """A class embedding, spectrally normalized or not."""
    layer = SpectralEmbedding if spectral_norm else keras.layers.Embedding
    return layer(num_classes, output_dim, embeddings_initializer=_INITIALIZER, **kwargs)
