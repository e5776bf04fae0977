"""Keras layers of SAGAN."""

from sagan_tf.layers.conditional_batch_norm import ConditionalBatchNormalization
from sagan_tf.layers.residual_blocks import DiscriminatorBlock, GeneratorBlock
from sagan_tf.layers.self_attention import SelfAttention2D
from sagan_tf.layers.spectral_norm import SpectralConv2D, SpectralDense, SpectralEmbedding

__all__ = [
    "ConditionalBatchNormalization",
    "DiscriminatorBlock",
    "GeneratorBlock",
    "SelfAttention2D",
    "SpectralConv2D",
    "SpectralDense",
    "SpectralEmbedding",
]
