"""The base class of the generator and the discriminator: arguments, widths and attention."""

import inspect
import math
import textwrap

import keras

from sagan_tf import config as configs
from sagan_tf import keras_compat
from sagan_tf.config import fields
from sagan_tf.errors import ConfigError
from sagan_tf.layers.residual_blocks import DiscriminatorBlock
from sagan_tf.layers.self_attention import SelfAttention2D
from sagan_tf.models.initialization import initialize

_SEED_HELP = """\
        seed: int that the initial weights follow from, the same under every Keras; None for other
            weights every time."""
_SERVED_PRECISION = "bfloat16"  # of exports; its weights are too coarse for training
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


def arguments_from_fields(network):
    """Class decorator: gives a `Network` its arguments, from the fields of `ExperimentConfig`.

    The fields say names, defaults, allowed values and help texts, for the signature, the checks
    and the docstring, where the arguments take the place of the word ARGUMENTS.

    Args:
        network: "generator" or "discriminator", as in `config.network_fields`.
    """

    def decorate(cls):
        cls.fields = configs.network_fields(network)
        kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
        signature = inspect.Signature(
            [
                inspect.Parameter("self", kind),
                *(inspect.Parameter(n, kind, default=f.default) for n, f in cls.fields.items()),
                inspect.Parameter("seed", kind, default=None),
                inspect.Parameter("kwargs", inspect.Parameter.VAR_KEYWORD),
            ]
        )

        def __init__(self, *args, **kwargs):
            bound = signature.bind(self, *args, **kwargs)
            bound.apply_defaults()
            arguments = {name: bound.arguments[name] for name in cls.fields}
            seed = bound.arguments["seed"]
            Network.__init__(self, arguments, seed, **bound.arguments["kwargs"])

        __init__.__signature__ = signature
        cls.__init__ = __init__
        lines = [_help(name, field.metadata) for name, field in cls.fields.items()]
        lines.append(_SEED_HELP)
        cls.__doc__ = cls.__doc__ and cls.__doc__.replace("ARGUMENTS", "\n".join(lines).strip())
        return cls

    return decorate


def _help(name, metadata):
    text = f"{name}: {metadata['help']} ({metadata['allowed']})."
    return textwrap.fill(text, 99, initial_indent=8 * " ", subsequent_indent=12 * " ")


class Network(EagerlyBuilt):
    """Base of the generator and the discriminator: their arguments, blocks and attention.

    `arguments_from_fields` gives a subclass its arguments. Each becomes an attribute.

    Args:
        arguments: {name: value} of all its `fields`.
        seed: int that the initial weights follow from; None for other weights every time.
        **kwargs: those of `keras.Model`.

    Raises:
        ConfigError: an argument has a value that is not allowed.
    """

    def __init__(self, arguments, seed=None, **kwargs):
        super().__init__(**kwargs)
        if self.dtype_policy.name not in (*configs.PRECISIONS, _SERVED_PRECISION):
            wanted = f"one of {', '.join(configs.PRECISIONS)}"
            raise ConfigError("dtype", self.dtype_policy.name, wanted)
        for name, value in arguments.items():
            setattr(self, name, fields.checked(name, value, self.fields[name]))
        configs.check_attention_resolution(self.attention_resolution, self.resolution)
        derived = self.derive_multipliers(self.resolution)
        if len(self.channel_multipliers or derived) != len(derived):
            wanted = f"{len(derived)} numbers, or None"
            raise ConfigError("channel_multipliers", self.channel_multipliers, wanted)
        self.channel_multipliers = tuple(self.channel_multipliers or derived)
        self.blocks = []
        self.attention = None
        # In its scope, so that no two networks of a model have weights of the same path.
        with keras_compat.name_scope(self.name):
            self._make_layers()
        self.built = True
        self.seed = None if seed is None else configs.check_field("seed", seed)
        if seed is not None:
            initialize(self, self.seed)

    def variant(self, **changes):
        """Makes a network with the same arguments but for some, and with any weights.

        Args:
            **changes: other values of arguments, for instance `num_classes=3`.
        """
        # Without the seed, no weights are sampled that the caller replaces anyway.
        return type(self).from_config({**self.get_config(), "seed": None, **changes})

    def _add_block(self, block, input_shape, output_shape):
        """Builds and keeps a block, and the attention after it if this is the place for it."""
        block.build(input_shape)
        self.blocks.append(block)
        if self.attention is None and output_shape[1] == self.attention_resolution:
            self.attention = self._make_attention(output_shape[-1])
            self.attention.build(output_shape)

    def _make_attention(self, filters):
        """Self-attention, or a residual block with as many parameters (the paper's table 1).

        Attention has 1.25 c^2 parameters. The residual block's hidden width is chosen so that its
        two 3x3 convolutions, 18 c * width, come closest to that.
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
            **{name: getattr(self, name) for name in self.fields},
            "seed": self.seed,
        }
