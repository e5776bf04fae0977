import numpy as np
import pytest

from sagan_tf import config
from sagan_tf.errors import ConfigError


@pytest.mark.parametrize("name", config.names())
def test_presets_survive_json(name):
    preset = config.get(name)
    assert preset.preset == name
    assert config.ExperimentConfig.from_json(preset.to_json()) == preset


def test_defaults_are_the_papers():
    """Section 4 of the paper and its released code."""
    paper = config.get("imagenet_128")
    assert paper == config.ExperimentConfig(preset="imagenet_128")
    assert (paper.resolution, paper.num_classes, paper.base_channels) == (128, 1000, 64)
    assert (paper.latent_dim, paper.attention_resolution) == (128, 32)
    assert (paper.generator_learning_rate, paper.discriminator_learning_rate) == (1e-4, 4e-4)
    assert (paper.beta_1, paper.loss, paper.d_steps) == (0.0, "hinge", 1)
    assert (paper.global_batch_size, paper.train_steps) == (256, 1_000_000)
    assert paper.generator_spectral_norm and paper.discriminator_spectral_norm


def test_numpys_numbers_are_numbers():
    """They become Python's, as JSON needs."""
    number = np.int64(7)
    settings = config.ExperimentConfig().replace(
        num_classes=number, seed=number, ema_decay=np.float32(0.5), random_flip=np.bool_(True)
    )
    assert config.ExperimentConfig.from_json(settings.to_json()) == settings
    assert type(settings.num_classes) is int and settings.num_classes == 7
    with pytest.raises(ConfigError, match=r"num_classes=7.0 "):
        settings.replace(num_classes=np.float64(7))


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("resolution", 48, "resolution=48 .*power of two from 16"),
        ("resolution", 8, "power of two from 16"),
        ("attention_resolution", 128, "attention_resolution=128 .*8, 16, 32, 64"),
        ("attention_resolution", 24, "8, 16, 32, 64"),
        ("channels", 2, "channels=2 .*1 or 3"),
        ("num_classes", 0, "num_classes=0"),
        ("loss", "mse", "loss='mse' .*hinge"),
        ("precision", "float16", "float32, mixed_bfloat16"),
        ("train_steps", True, "train_steps=True"),
        ("ema_decay", 1.0, r"ema_decay=1.0 .*\[0, 1\)"),
        ("generator_learning_rate", float("nan"), "generator_learning_rate=nan"),
        ("dataset", "imagenet", "dataset='imagenet' .*tfds:NAME"),
        ("generator_channel_multipliers", (4, 2), "6 numbers"),
        ("attention_block", "conv", "self_attention, residual"),
    ],
)
def test_a_wrong_value_is_named_with_what_is_allowed(field, value, message):
    with pytest.raises(ConfigError, match=message):
        config.ExperimentConfig().replace(**{field: value})


def test_unknown_names():
    with pytest.raises(ConfigError, match=r"preset='imagenet'.*imagenet_128"):
        config.get("imagenet")
    with pytest.raises(ConfigError, match="no_such_field"):
        config.ExperimentConfig().replace(no_such_field=1)
    with pytest.raises(ConfigError, match="JSON"):
        config.ExperimentConfig.from_json("{half")
    with pytest.raises(ConfigError, match="no_such_field"):
        config.ExperimentConfig.from_json('{"no_such_field": 1}')
