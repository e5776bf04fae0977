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
        per_class: whether classes of real and scored images are compared. `measure` then gets
            "all_features" and "all_labels" of both: of all real images, and of as many generated
            images in each class.
        network: the only feature network that the metric is defined on; None is any network.
    """

    name: str
    measure: Callable
    keeps: tuple = ()
    titles: dict = dataclasses.field(default_factory=dict)
    per_class: bool = False
    network: str | None = None

    @property
    def needs_labels(self):
        """True if the scored images must have classes."""
        return self.per_class or "labels" in self.keeps
