import pytest

from sagan_tf import config
from sagan_tf.errors import ConfigError


@pytest.mark.parametrize("name", config.names())
def test_presets_survive_json(name):
    preset = config.get(name)
    assert preset.preset == name
    assert config.ExperimentConfig.from_json(preset.to_json()) == preset


def test_defaults_are_the_papers():
    assert config.ExperimentConfig().replace(preset="imagenet_128") == config.get("imagenet_128")


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


def test_every_field_has_a_help_text():
    for name, field in config.FIELDS.items():
        assert field.metadata["help"], name
        assert field.metadata["allowed"], name
