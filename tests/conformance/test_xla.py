"""What TPUs ask of a training step, proved without one: it lowers to XLA with static shapes.

TensorFlow's bridge to XLA is asked for the program of the whole replica step, D and G update,
optimizers, averaging and metrics. It refuses operations that it cannot compile, strings, and
shapes that depend on data. Compiling that program for a CPU takes minutes and proves no more.
"""

import os
import re

import pytest
import tensorflow as tf

from sagan_tf import config
from sagan_tf.models import factory

# At their own resolution; SAGAN_TF_ALL_SIZES=1 takes all presets, which takes many minutes.
FULL_SIZE = config.names() if os.environ.get("SAGAN_TF_ALL_SIZES") else ["imagenet_128"]
# What decides which operations a step has. Presets alike in these differ in sizes only.
_KIND = (
    "attention_block",
    "attention_pool_size",
    "generator_spectral_norm",
    "discriminator_spectral_norm",
    "loss",
)


def kind(preset):
    has = preset.attention_resolution is not None, preset.num_classes is not None
    return (*has, *(getattr(preset, name) for name in _KIND))


def kinds():
    """The names of presets that differ in more than sizes, the first of each kind."""
    return list({kind(config.get(name)): name for name in reversed(config.names())}.values())


def lower(preset):
    """The XLA program of a replica's step, as text."""
    preset = preset.replace(base_channels=1, global_batch_size=4, dataset="bundled")
    model = factory.build_model(preset)
    size = preset.global_batch_size * preset.d_steps
    images = tf.zeros((size, preset.resolution, preset.resolution, preset.channels), tf.uint8)
    labels = tf.zeros((size,), tf.int32)
    step = tf.function(lambda *batch: model.train_step(batch), jit_compile=True)
    return step.experimental_get_compiler_ir(images, labels)(stage="hlo")


def check(program):
    assert " convolution(" in program
    assert not re.search(r"\[<=", program), "a shape depends on data"
    # Calls into libraries of the host, which TPUs have not.
    assert "custom-call(" not in program
    for host_only in ("outfeed", "infeed", "send(", "recv(", "is_host_transfer"):
        assert host_only not in program


@pytest.mark.parametrize("name", kinds())
def test_the_step_of_every_kind_of_preset_lowers_to_xla(name):
    preset = config.get(name)
    small = {
        "resolution": 16,
        "attention_resolution": preset.attention_resolution and 8,
        "generator_channel_multipliers": None,
        "discriminator_channel_multipliers": None,
    }
    program = lower(preset.replace(**small))
    check(program)
    assert "bf16[" not in program


def test_accumulation_and_several_updates_of_d_in_bfloat16():
    changes = {"resolution": 16, "attention_resolution": 8, "precision": "mixed_bfloat16"}
    preset = config.get("fashion_mnist_32").replace(d_steps=2, accumulation_steps=2, **changes)
    program = lower(preset)
    check(program)
    assert "bf16[" in program


@pytest.mark.parametrize("name", FULL_SIZE)
def test_the_step_at_full_resolution_in_bfloat16(name):
    program = lower(config.get(name).replace(precision="mixed_bfloat16"))
    check(program)
    assert "bf16[" in program
