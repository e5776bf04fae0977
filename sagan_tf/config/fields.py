"""Kinds of configuration field: what a value may be, in words and as a check."""

from __future__ import annotations

import dataclasses
import functools
import math


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


def setting(default, help_text, allowed, check, *, resumable=False, optional=False):
    """A field with its help, what it may be, and whether a run may change it when it resumes."""
    if optional:
        allowed, required_check = f"{allowed}, or None", check
        check = lambda value: value is None or required_check(value)  # noqa: E731 - one expression
    metadata = {"help": help_text, "allowed": allowed, "check": check, "resumable": resumable}
    return dataclasses.field(default=default, metadata=metadata)


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
