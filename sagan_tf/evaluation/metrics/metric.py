"""Metric: an entry of the registry, with its computation, needs and titles."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import NamedTuple


class EvaluationWarning(UserWarning):
    """A score was computed, but is less reliable than usual; the message gives the reason."""


class Score(NamedTuple):
    """A score and its spread: the standard deviation over subsets, splits or classes."""

    value: float
    spread: float


class Measurement(NamedTuple):
    """One number that a metric gives.

    Args:
        name: of the number in `evaluation.jsonl`, such as "recall".
        value: the number.
        spread: its standard deviation over subsets, splits or classes, or None.
        protocol: dict of JSON values: the settings of the computation.
    """

    name: str
    value: float
    spread: float | None = None
    protocol: dict = {}


@dataclasses.dataclass(frozen=True)
class Metric:
    """One entry of the registry, for `Evaluator`.

    Args:
        name: of the metric in `--metrics`.
        measure: takes `FeatureStatistics` of the real and of the scored images, and returns a
            list of `Measurement`. The statistics have moments of all features, and the arrays
            that `keeps` names.
        keeps: arrays of single images that `measure` reads, of "features", "logits", "labels".
            Real images never have "logits".
        titles: dict from the name of a measurement to its printed title, where the two differ.
        compares_classes: whether real images must have classes too, not only the scored ones.
        network: the only feature network that the metric is defined on; None is any network.
    """

    name: str
    measure: Callable
    keeps: tuple = ()
    titles: dict = dataclasses.field(default_factory=dict)
    compares_classes: bool = False
    network: str | None = None

    @property
    def needs_labels(self):
        """Whether the scored images must have classes."""
        return "labels" in self.keeps
