"""Settings from text, as flags and `FIELD=VALUE` write them, and text from settings."""

from __future__ import annotations

from sagan_tf.config import presets
from sagan_tf.config.experiment import FIELDS
from sagan_tf.errors import ConfigError

_NONE = "none"
_TRUTH = {"true": True, "false": False}


def override(preset, given):
    """A configuration with some fields as a user wrote them.

    A preset's scores are for its own images: with another `dataset` there are none unless
    `eval_every` is given too.

    Args:
        preset: `ExperimentConfig`.
        given: {name of a field: text}.
    """
    values = {name: parse_value(name, text) for name, text in given.items()}
    if values.get("dataset", preset.dataset) != preset.dataset:
        values.setdefault("eval_every", None)
    return preset.replace(**values)


def parse_value(name, text):
    """The value of a configuration field from its text on the command line.

    Args:
        name: name of the field.
        text: what the user wrote; a flag of true or false has been parsed already.

    Raises:
        ConfigError: the field cannot have this value.
    """
    field = FIELDS[name]
    parse = _PARSERS[str(field.type).partition(" | ")[0]]
    if field.type.endswith("| None") and text.lower() == _NONE:
        return None
    try:
        return parse(text)
    except ValueError as error:
        raise ConfigError(name, text, field.metadata["allowed"]) from error


def _parse_int(text):
    return int(text.replace("_", ""))


def _parse_numbers(text):
    return tuple(int(part) for part in text.strip("()").split(",") if part.strip())


_PARSERS = {
    "str": str,
    "int": _parse_int,
    "float": float,
    "bool": bool,
    "tuple": _parse_numbers,
}


def flags_of(config):
    """The flags that make `--preset=NAME` this configuration."""
    preset = presets.get(config.preset)
    flags = [f"--preset={config.preset}"]
    for name in FIELDS:
        value = getattr(config, name)
        if value == getattr(preset, name):
            continue
        if isinstance(value, bool):
            flags.append(f"--{name}" if value else f"--no{name}")
        else:
            text = ",".join(map(str, value)) if isinstance(value, tuple) else value
            flags.append(f"--{name}={'none' if value is None else text}")
    return flags


def parse_changes(assignments):
    """Configuration fields from texts such as "base_channels=8".

    Raises:
        ConfigError: a text is not an assignment, or has a value that is not allowed.
    """
    changes = {}
    for text in assignments:
        name, equals, value = text.partition("=")
        if not equals or name not in FIELDS:
            raise ConfigError("set", text, "FIELD=VALUE, with a field of `train/main.py --help`")
        if FIELDS[name].type == "bool":
            if value not in _TRUTH:
                raise ConfigError(name, value, f"one of {', '.join(_TRUTH)}")
            changes[name] = _TRUTH[value]
        else:
            changes[name] = parse_value(name, value)
    return changes
