"""Kinds of configuration field: what a value may be, in words and as a check."""

from __future__ import annotations

import dataclasses
import functools
import math

import numpy as np

from sagan_tf.errors import ConfigError


def _is_int(value):
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value):
    return (_is_int(value) or isinstance(value, float)) and math.isfinite(value)


def is_resolution(value):
    """True for a power of two from 16."""
    return _is_int(value) and value >= 16 and value & (value - 1) == 0


def _is_multipliers(value):
    return isinstance(value, tuple) and bool(value) and all(_is_int(v) and v > 0 for v in value)


def is_dataset(value):
    """True for what `--dataset` takes."""
    if not isinstance(value, str):
        return False
    kind, colon, rest = value.partition(":")
    if kind == "bundled":
        return not colon
    return kind in ("tfds", "folder", "tfrecord", "idx") and bool(rest)


def setting(default, help_text, allowed, check, *, resumable=False, optional=False, network=None):
    """A field of the configuration.

    Args:
        default: its value if nothing is said.
        help_text: what it means, for `--help`.
        allowed: what it may be, in words.
        check: function of a value that is true if the field may have it.
        resumable: whether a run may change it when it resumes.
        optional: whether it may be None too.
        network: "generator", "discriminator" or "both": who takes it as an argument.
    """
    if optional:
        allowed, required_check = f"{allowed}, or None", check
        check = lambda value: value is None or required_check(value)  # noqa: E731 - one expression
    metadata = {
        "help": help_text,
        "allowed": allowed,
        "check": check,
        "resumable": resumable,
        "network": network,
    }
    return dataclasses.field(default=default, metadata=metadata)


def checked(name, value, field):
    """A value that `field` may have, as Python's own type.

    Args:
        name: what a message calls it.
        value: a candidate; lists become tuples, NumPy's numbers Python's.
        field: of `dataclasses.fields(ExperimentConfig)`.

    Raises:
        ConfigError: the field may not have this value.
    """
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, (list, tuple)):
        value = tuple(item.item() if isinstance(item, np.generic) else item for item in value)
    if not field.metadata["check"](value):
        raise ConfigError(name, value, field.metadata["allowed"])
    return value


flag = functools.partial(
    setting, allowed="True or False", check=lambda value: isinstance(value, bool)
)
count = functools.partial(
    setting, allowed="a whole number above 0", check=lambda value: _is_int(value) and value > 0
)
seed = functools.partial(
    setting,
    allowed="a whole number in [0, 2**63)",
    check=lambda value: _is_int(value) and 0 <= value < 2**63,
)
rate = functools.partial(
    setting, allowed="a number above 0", check=lambda value: _is_number(value) and value > 0
)
fraction = functools.partial(
    setting, allowed="a number in [0, 1)", check=lambda value: _is_number(value) and 0 <= value < 1
)
multipliers = functools.partial(
    setting,
    allowed="positive whole numbers separated by commas",
    check=_is_multipliers,
    optional=True,
)


def choice(default, help_text, choices, **kwargs):
    """One of a few words."""
    allowed = f"one of {', '.join(choices)}"
    return setting(default, help_text, allowed, lambda v: v in choices, **kwargs)
