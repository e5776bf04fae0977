import pytest

from sagan_tf import config
from sagan_tf.config import flags
from sagan_tf.errors import ConfigError
from sagan_tf.experiments import suites


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
    assert flags.parse_value(name, text) == value


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
    assert flags.override(preset, given).eval_every == every


@pytest.mark.parametrize(
    ("name", "text"),
    [("train_steps", "1.5"), ("ema_decay", "much"), ("seed", "none")],
)
def test_wrong_text_is_named(name, text):
    with pytest.raises(ConfigError, match=f"{name}='{text}'"):
        flags.parse_value(name, text)


def test_every_field_can_be_given_as_text():
    for preset in map(config.get, config.names()):
        for name in config.FIELDS:
            value = getattr(preset, name)
            text = ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
            text = value if isinstance(value, bool) else text
            assert flags.parse_value(name, text) == value


def test_flags_rebuild_the_configuration():
    for arm in suites.arms("stabilization", "demo", 1, "out", {"random_flip": True}):
        preset, *given = flags.flags_of(arm.config)
        changes = {}
        for flag in given:
            name, _, text = flag.removeprefix("--").partition("=")
            if name in ("random_flip", "norandom_flip"):
                changes["random_flip"] = not name.startswith("no")
            else:
                changes[name] = flags.parse_value(name, text)
        name = preset.partition("=")[2]
        assert config.get(name).replace(**changes) == arm.config


def test_changes_are_parsed():
    texts = ["base_channels=8", "random_flip=true", "attention_resolution=none", "loss=wasserstein"]
    assert flags.parse_changes(texts) == {
        "base_channels": 8,
        "random_flip": True,
        "attention_resolution": None,
        "loss": "wasserstein",
    }
    with pytest.raises(ConfigError, match="random_flip='yes'"):
        flags.parse_changes(["random_flip=yes"])
