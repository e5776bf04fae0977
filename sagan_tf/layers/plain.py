"""Linear layers with or without spectral normalization, initialised as the released code does."""

import keras

from sagan_tf.layers import resampling as resampled
from sagan_tf.layers.spectral_norm import SpectralConv2D, SpectralDense, SpectralEmbedding

# Xavier's uniform initialization for every kernel, as in the released code.
_INITIALIZER = "glorot_uniform"


_CONVOLUTIONS = {
    (False, None): keras.layers.Conv2D,
    (True, None): SpectralConv2D,
    (False, "up"): resampled.UpsampledConv2D,
    (True, "up"): resampled.SpectralUpsampledConv2D,
    (False, "down"): resampled.DownsampledConv2D,
    (True, "down"): resampled.SpectralDownsampledConv2D,
}


def conv2d(filters, kernel_size, spectral_norm, resampling=None, **kwargs):
    """A "same" convolution of stride 1, spectrally normalized or not.

    `resampling="up"` is one of the upsampled input, `"down"` one whose output is downsampled; both
    are for 3x3 kernels.
    """
    layer = _CONVOLUTIONS[spectral_norm, resampling]
    return layer(filters, kernel_size, padding="same", kernel_initializer=_INITIALIZER, **kwargs)


def dense(units, spectral_norm, **kwargs):
    """A dense layer, spectrally normalized or not."""
    layer = SpectralDense if spectral_norm else keras.layers.Dense
    return layer(units, kernel_initializer=_INITIALIZER, **kwargs)


def embedding(num_classes, output_dim, spectral_norm, **kwargs):
    """A class embedding, spectrally normalized or not."""
    layer = SpectralEmbedding if spectral_norm else keras.layers.Embedding
    return layer(num_classes, output_dim, embeddings_initializer=_INITIALIZER, **kwargs)
