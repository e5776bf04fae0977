"""What the generator and the discriminator share: checks, widths and the attention slot."""

import math

import keras

from sagan_tf import config as configs
from sagan_tf import keras_compat
from sagan_tf.errors import ConfigError
from sagan_tf.layers.residual_blocks import DiscriminatorBlock
from sagan_tf.layers.self_attention import SelfAttention2D

LARGEST_MULTIPLIER = 16  # the released code's widest layer, in base_channels


def generator_multipliers(resolution):
    """Widths of G from 4x4 to `resolution`: 1 at the end, doubling backwards, at most 16."""
    sizes = [2**k for k in range(2, int(math.log2(resolution)) + 1)]
    return tuple(min(resolution // size, LARGEST_MULTIPLIER) for size in sizes)


def discriminator_multipliers(resolution):
    """Widths of D's blocks: 1, doubling, at most 16; the last block repeats the width before."""
    down_blocks = int(math.log2(resolution)) - 2
    widths = [min(2**k, LARGEST_MULTIPLIER) for k in range(down_blocks)]
    return (*widths, widths[-1])


def count_parameters(model):
    """Trainable parameters of a Keras model."""
    return sum(math.prod(weight.shape) for weight in model.trainable_weights)


class EagerlyBuilt(keras.Model):
    """A Keras model that is built when it is made, from the arguments in `get_config`."""

    def build(self, input_shape=None):
        """Does nothing: the layers were built with the model; Keras may call this on loading."""
        self.built = True

    def get_config(self):
        """Arguments that build this model again, and the Keras that wrote them."""
        return {**super().get_config(), keras_compat.KERAS_VERSION: keras.__version__}

    @classmethod
    def from_config(cls, config):
        """The model that `get_config` describes, with fresh weights.

        Raises:
            StackError: another generation of Keras wrote the configuration.
        """
        return cls(**configs.without_removed(keras_compat.check_same_keras(config)))


class Network(EagerlyBuilt):
    """What generator and discriminator have in common: their size, and an attention slot.

    Args:
        resolution, num_classes, base_channels, channels, attention_resolution, attention_block,
        attention_pool_size, spectral_norm: as for `Generator` and `Discriminator`.
        channel_multipliers: as for them.
        derive_multipliers: the function from the resolution to the default multipliers.
        **kwargs: those of `keras.Model`.

    Raises:
        ConfigError: an argument has a value that is not allowed.
    """

    def __init__(
        self,
        resolution,
        num_classes,
        base_channels,
        channels,
        attention_resolution,
        attention_block,
        attention_pool_size,
        spectral_norm,
        channel_multipliers,
        derive_multipliers,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self._arguments = {
            "resolution": resolution,
            "num_classes": num_classes,
            "base_channels": base_channels,
            "channels": channels,
            "attention_block": attention_block,
            "attention_pool_size": attention_pool_size,
            "attention_resolution": attention_resolution,
        }
        for name, value in self._arguments.items():
            configs.check_field(name, value)
            setattr(self, name, value)
        configs.check_attention_resolution(attention_resolution, resolution)
        derived = derive_multipliers(resolution)
        self.channel_multipliers = tuple(channel_multipliers or derived)
        if len(self.channel_multipliers) != len(derived):
            wanted = f"{len(derived)} numbers, or None"
            raise ConfigError("channel_multipliers", channel_multipliers, wanted)
        self.spectral_norm = spectral_norm
        self.blocks = []
        self.attention = None

    def _add_block(self, block, input_shape, output_shape):
        """Builds and keeps a block, and the attention slot if this is the place for it."""
        block.build(input_shape)
        self.blocks.append(block)
        if self.attention is None and output_shape[1] == self.attention_resolution:
            self.attention = self._attention_slot(output_shape[-1])
            self.attention.build(output_shape)

    def _attention_slot(self, filters):
        """Self-attention, or a residual block of the same size.

        The paper's table 1 compares the two at the same number of parameters; the residual
        block's hidden width is chosen so that its 3x3 convolutions come closest to attention's
        1.25 c^2.
        """
        arguments = {
            "spectral_norm": self.spectral_norm,
            "dtype": self.dtype_policy,
            "name": "attention",
        }
        if self.attention_block == "self_attention":
            return SelfAttention2D(self.attention_pool_size, **arguments)
        hidden = max(round(1.25 * filters / 18), 1)
        return DiscriminatorBlock(filters, hidden, downsample=False, **arguments)

    def get_config(self):
        """Arguments that build this network again."""
        return {
            "dtype": self.dtype_policy.name,  # Keras 2's models leave it out
            **super().get_config(),
            **self._arguments,
            "spectral_norm": self.spectral_norm,
            "channel_multipliers": self.channel_multipliers,
        }
