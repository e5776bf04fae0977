"""Weights of PyTorch-StudioGAN's SAGAN in our networks, so that published checkpoints can be used.

StudioGAN's SAGAN (its `models/resnet.py` with spectral norm in both networks, `cBN` and `PD`) is
the same architecture with the axes in another order:

- convolution kernels are (out, in, kh, kw) there and (kh, kw, in, out) here, dense ones (out, in);
- its first dense layer fills (c, 4, 4), ours (4, 4, c);
- its conditional batch norm multiplies by 1 + gain, spectrally normalized, where ours has gamma;
- its discriminator's relus work in place, so that shortcuts see what went through the relu.
"""

from __future__ import annotations

import functools
import math

import keras
import numpy as np
import tensorflow as tf

from sagan_tf.errors import UserError
from sagan_tf.layers.residual_blocks import DiscriminatorBlock
from sagan_tf.models.networks import Discriminator, Generator
from sagan_tf.models.state_dicts import StateDictReader, from_channels_first

_EPSILON, _MOMENTUM = 1e-4, 0.9  # of its batch norms; PyTorch's momentum is one minus this
_CONVOLUTIONS = {"conv1": "conv2d1", "conv2": "conv2d2", "shortcut": "conv2d0"}


@keras.saving.register_keras_serializable(package="sagan_tf")
class ReluBlock(DiscriminatorBlock):
    """A `DiscriminatorBlock` whose shortcut, too, sees its input through the relu."""

    def call(self, inputs, training=False):
        """Runs the block; `training` lets spectral normalization move."""
        return super().call(tf.nn.relu(inputs), training)


@keras.saving.register_keras_serializable(package="sagan_tf")
class ReluDiscriminator(Discriminator):
    """A `Discriminator` of `ReluBlock`s: what PyTorch code with in-place relus computes."""

    def _add_block(self, block, input_shape, output_shape):
        if block.preactivation:
            block = ReluBlock.from_config(block.get_config())
        super()._add_block(block, input_shape, output_shape)


def load_state_dict(path):
    """A PyTorch checkpoint file as a dict of NumPy arrays; code in the file is never run.

    Args:
        path: a state dict, or a file that holds one as "state_dict".

    Raises:
        UserError: PyTorch is not installed, or the file is not a PyTorch checkpoint.
    """
    try:
        import torch
    except ImportError as error:
        raise UserError(f"reading {path} needs PyTorch: pip install torch") from error
    try:
        with torch.serialization.safe_globals(_numpy_globals()):
            state = torch.load(path, map_location="cpu", weights_only=True)
        state = state.get("state_dict", state)
        return {
            name.removeprefix("module."): value.detach().to(torch.float32).numpy()
            for name, value in state.items()
        }
    except Exception as error:  # a damaged file makes PyTorch raise errors of many types
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise UserError(f"{path} is no PyTorch state dict of tensors: {reason}") from error


def _numpy_globals():
    """The names that NumPy's numbers and arrays have in files, such as a `best_fid` in float64."""
    core = np.core if np.__version__ < "2" else np._core  # renamed in NumPy 2
    functions = (core.multiarray.scalar, core.multiarray._reconstruct)
    named = [
        (function, f"numpy.{module}.multiarray.{function.__name__}")
        for function in functions
        for module in ("core", "_core")
    ]
    kinds = [type(np.dtype(code)) for code in ("f2", "f4", "f8", "i4", "i8", "u1", "?")]
    return [np.ndarray, np.dtype, *kinds, *named]


def convert_generator(state):
    """A `Generator` that generates what StudioGAN's does.

    Args:
        state: dict of NumPy arrays: the state dict of its `Generator`.

    Raises:
        UserError: names or shapes are not those of its SAGAN; all of them are listed.
    """
    reader = StateDictReader(state)
    blocks, attention = reader.layout("bn1.bn.running_mean")
    widths = [reader.shape(f"{blocks[0]}.bn1.bn.running_mean")[0]]
    widths += [reader.shape(f"{block}.conv2d2.bias")[0] for block in blocks]
    base, multipliers = _multipliers(widths)
    resolution = 4 * 2 ** len(blocks)
    generator = Generator(
        resolution=resolution,
        num_classes=reader.num_classes(blocks[0]),
        base_channels=base,
        attention_resolution=attention and 4 * 2**attention,
        latent_dim=reader.shape("linear0.weight", "linear0.weight_orig")[1],
        channels=reader.shape("conv2d5.bias")[0],
        channel_multipliers=multipliers,
        spectral_norm=reader.has("linear0.weight_orig"),
        batch_norm_momentum=_MOMENTUM,
        batch_norm_epsilon=_EPSILON,
    )
    reader.linear("dense", "linear0", functools.partial(from_channels_first, size=4))
    for index, block in enumerate(blocks, 1):
        for ours, theirs in _CONVOLUTIONS.items():
            reader.linear(f"block{index}/{ours}", f"{block}.{theirs}")
        for norm in (1, 2):
            reader.conditional_norm(f"block{index}/norm{norm}", f"{block}.bn{norm}")
    reader.attention(attention)
    reader.norm("norm", "bn4")
    reader.linear("to_image", "conv2d5")
    return reader.fill(generator)


def convert_discriminator(state):
    """A `Discriminator` that scores as StudioGAN's does.

    Args:
        state: dict of NumPy arrays: the state dict of its `Discriminator`.

    Raises:
        UserError: names or shapes are not those of its SAGAN; all of them are listed.
    """
    reader = StateDictReader(state)
    blocks, attention = reader.layout("conv2d2.bias")
    base, multipliers = _multipliers([reader.shape(f"{block}.conv2d2.bias")[0] for block in blocks])
    first = reader.shape(f"{blocks[0]}.conv2d1.weight", f"{blocks[0]}.conv2d1.weight_orig")
    resolution = 4 * 2 ** (len(blocks) - 1)
    discriminator = ReluDiscriminator(
        resolution=resolution,
        num_classes=reader.shape("embedding.weight", "embedding.weight_orig")[0],
        base_channels=base,
        attention_resolution=attention and resolution // 2**attention,
        channels=first[1],
        channel_multipliers=multipliers,
        spectral_norm=reader.has("linear1.weight_orig"),
    )
    for index, block in enumerate(blocks, 1):
        for ours, theirs in _CONVOLUTIONS.items():
            is_last = index == len(blocks)
            if not (ours == "shortcut" and is_last and len(set(multipliers[-2:])) == 1):
                reader.linear(f"block{index}/{ours}", f"{block}.{theirs}")
    reader.attention(attention)
    reader.linear("dense", "linear1")
    reader.embedding("embedding", "embedding")
    return reader.fill(discriminator)


def _multipliers(widths):
    """A base width, and the widths as multiples of it."""
    base = math.gcd(*widths)
    return base, tuple(width // base for width in widths)
