"""One small instance of every layer and network, with inputs for it."""

import keras
import numpy as np

import sagan_tf
from sagan_tf import layers

_RANDOM = np.random.default_rng(0)
IMAGES = _RANDOM.standard_normal((2, 8, 8, 16)).astype(np.float32)
VECTORS = _RANDOM.standard_normal((2, 12)).astype(np.float32)
LABELS = np.array([2, 0], np.int32)

_NETWORK = {"resolution": 16, "base_channels": 4, "channels": 1, "attention_resolution": 8}

# name: (how to make it, its inputs)
LAYERS = {
    "spectral_conv2d": (lambda **k: layers.SpectralConv2D(6, 3, padding="same", **k), (IMAGES,)),
    "spectral_conv2d_strided": (
        lambda **k: layers.SpectralConv2D(6, 4, strides=2, activation="relu", **k),
        (IMAGES,),
    ),
    "spectral_dense": (lambda **k: layers.SpectralDense(5, **k), (VECTORS,)),
    "spectral_embedding": (lambda **k: layers.SpectralEmbedding(3, 7, **k), (LABELS,)),
    "self_attention": (lambda **k: layers.SelfAttention2D(**k), (IMAGES,)),
    "self_attention_of_the_text": (
        lambda **k: layers.SelfAttention2D(1, value_channels=2, spectral_norm=False, **k),
        (IMAGES,),
    ),
    "conditional_batch_norm": (
        lambda **k: layers.ConditionalBatchNormalization(3, **k),
        (IMAGES, LABELS),
    ),
    "batch_norm": (lambda **k: layers.ConditionalBatchNormalization(None, **k), (IMAGES,)),
    "generator_block": (lambda **k: layers.GeneratorBlock(6, 3, **k), (IMAGES, LABELS)),
    "generator_block_plain": (
        lambda **k: layers.GeneratorBlock(6, None, spectral_norm=False, **k),
        (IMAGES,),
    ),
    "discriminator_block": (lambda **k: layers.DiscriminatorBlock(6, **k), (IMAGES,)),
    "discriminator_block_last": (
        lambda **k: layers.DiscriminatorBlock(16, 3, downsample=False, **k),
        (IMAGES,),
    ),
}
NETWORKS = {
    "generator": (
        lambda **k: sagan_tf.Generator(num_classes=3, latent_dim=12, **_NETWORK, **k),
        (VECTORS, LABELS),
    ),
    "generator_unconditional": (
        lambda **k: sagan_tf.Generator(num_classes=None, latent_dim=12, **_NETWORK, **k),
        (VECTORS,),
    ),
    "discriminator": (
        lambda **k: sagan_tf.Discriminator(num_classes=3, **_NETWORK, **k),
        (np.tanh(_RANDOM.standard_normal((2, 16, 16, 1))).astype(np.float32), LABELS),
    ),
    "discriminator_unconditional": (
        lambda **k: sagan_tf.Discriminator(
            num_classes=None, attention_block="residual", spectral_norm=False, **_NETWORK, **k
        ),
        (np.tanh(_RANDOM.standard_normal((2, 16, 16, 1))).astype(np.float32),),
    ),
}
ALL = {**LAYERS, **NETWORKS}


def make(name, **kwargs):
    """The built instance of that name and its inputs; weights follow from a fixed seed."""
    keras.utils.set_random_seed(1)
    factory, inputs = ALL[name]
    layer = factory(**kwargs)
    layer(*inputs)
    return layer, inputs
