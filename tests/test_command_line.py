import pytest

from sagan_tf import command_line, config
from sagan_tf.errors import ConfigError


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("train_steps", "1_000", 1000),
        ("generator_learning_rate", "2e-4", 2e-4),
        ("num_classes", "none", None),
        ("num_classes", "7", 7),
        ("random_flip", True, True),
        ("generator_channel_multipliers", "4,4,2,1", (4, 4, 2, 1)),
        ("generator_channel_multipliers", "None", None),
        ("dataset", "folder:/data/None", "folder:/data/None"),
    ],
)
def test_values_from_text(name, text, value):
    assert command_line.parse_value(name, text) == value


@pytest.mark.parametrize(
    ("given", "every"),
    [
        ({}, 500),
        ({"dataset": "bundled"}, 500),
        ({"dataset": "folder:photos"}, None),
        ({"dataset": "folder:photos", "eval_every": "100"}, 100),
        ({"eval_every": "none"}, None),
    ],
)
def test_a_preset_scores_its_own_images_alone_unless_asked(given, every):
    preset = config.get("fashion_mnist_32")
    assert command_line.override(preset, given).eval_every == every


@pytest.mark.parametrize(
    ("name", "text"),
    [("train_steps", "1.5"), ("ema_decay", "much"), ("seed", "none")],
)
def test_wrong_text_is_named(name, text):
    with pytest.raises(ConfigError, match=f"{name}='{text}'"):
        command_line.parse_value(name, text)


def test_every_field_can_be_given_as_text():
    for preset in map(config.get, config.names()):
        for name in config.FIELDS:
            value = getattr(preset, name)
            text = ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
            text = value if isinstance(value, bool) else text
            assert command_line.parse_value(name, text) == value
