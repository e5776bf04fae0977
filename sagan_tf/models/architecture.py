"""What the generator and the discriminator share: checks, widths and the attention slot."""

import math

import keras

from sagan_tf import config
from sagan_tf.errors import ConfigError
from sagan_tf.layers.residual_blocks import DiscriminatorBlock
from sagan_tf.layers.self_attention import SelfAttention2D

LARGEST_MULTIPLIER = 16  # the released code's widest layer, in base_channels


def check_architecture(resolution, num_classes, base_channels, channels, attention_resolution):
    """Raises ConfigError unless the networks can be built with these arguments."""
    arguments = {
        "resolution": resolution,
        "num_classes": num_classes,
        "base_channels": base_channels,
        "channels": channels,
    }
    for name, value in arguments.items():
        config.check_field(name, value)
    config.check_attention_resolution(attention_resolution, resolution)


def generator_multipliers(resolution):
    """Widths of G from 4x4 to `resolution`: 1 at the end, doubling backwards, at most 16."""
    sizes = [2**k for k in range(2, int(math.log2(resolution)) + 1)]
    return tuple(min(resolution // size, LARGEST_MULTIPLIER) for size in sizes)


def discriminator_multipliers(resolution):
    """Widths of D's blocks: 1, doubling, at most 16; the last block repeats the width before."""
    down_blocks = int(math.log2(resolution)) - 2
    widths = [min(2**k, LARGEST_MULTIPLIER) for k in range(down_blocks)]
    return (*widths, widths[-1])


def check_multipliers(multipliers, expected):
    """`multipliers` as a tuple, or `expected` for None; ConfigError if the length is wrong."""
    if multipliers is None:
        return expected
    if len(multipliers) != len(expected):
        raise ConfigError("channel_multipliers", multipliers, f"{len(expected)} numbers, or None")
    return tuple(multipliers)


def attention_slot(kind, filters, pool_size, spectral_norm, **kwargs):
    """The layer in the attention slot: self-attention, or a residual block of the same size.

    The paper's table 1 compares the two at the same number of parameters; the residual block's
    hidden width is chosen so that 3x3 convolutions come closest to attention's 1.25 c^2.

    Raises:
        ConfigError: `kind` is not known.
    """
    config.check_field("attention_block", kind)
    if kind == "self_attention":
        return SelfAttention2D(pool_size, spectral_norm=spectral_norm, **kwargs)
    hidden = max(round(1.25 * filters / 18), 1)
    return DiscriminatorBlock(
        filters, hidden, downsample=False, spectral_norm=spectral_norm, **kwargs
    )


def count_parameters(model):
    """Trainable parameters of a Keras model."""
    return sum(math.prod(weight.shape) for weight in model.trainable_weights)


class Network(keras.Model):
    """A Keras model that is built when it is made, from the arguments in `get_config`."""

    def build(self, input_shape=None):
        """Does nothing: the layers were built with the model; Keras may call this on loading."""
        self.built = True
