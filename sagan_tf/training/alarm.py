"""Warnings of a training run that goes wrong: one for each sign, and what usually helps."""

from __future__ import annotations

import collections

import numpy as np

# D's loss when it cannot tell real from fake (all logits 0), by loss; Wasserstein's has no floor.
_CLUELESS = {"hinge": 2.0, "non_saturating": 2.0 * np.log(2.0), "least_squares": 0.5}
_WON = 0.03  # share of that loss below which D has nothing left to learn
_PATIENCE = 5  # logs in a row before D has won
_FALLEN = 0.3  # share of the greatest diversity so far
_LARGEST_GAMMA = 20.0
_GROWTH = 30.0  # of a kernel's spectral norm since the run's first log


def sample_diversity(images, labels):
    """How different the images of one class are: 0 if all are the same.

    The root mean square distance of pixels to the class's mean image. It falls when a generator
    begins to ignore its latents.

    Args:
        images: uint8 (n, h, w, c).
        labels: int (n,).

    Returns:
        float, in gray levels.
    """
    images, labels = np.asarray(images, np.float64), np.asarray(labels)
    variances = [images[labels == label].var(axis=0).mean() for label in np.unique(labels)]
    return float(np.sqrt(np.mean(variances)))


class CollapseAlarm:
    """Watches the logged metrics of one run and warns once of each sign of a collapse.

    Args:
        loss: name of the adversarial loss.

    Example:
        >>> alarm = CollapseAlarm("hinge")
        >>> for warning in alarm.check(step, metrics):
        ...     print(warning)
    """

    def __init__(self, loss):
        self._floor = _WON * _CLUELESS.get(loss, -np.inf)
        self._losses = collections.deque(maxlen=_PATIENCE)
        self._greatest_diversity = 0.0
        self._first_sigmas = {}
        self._warned = set()

    def check(self, step, metrics):
        """Takes the metrics of one log; returns warnings, each a line of text.

        Args:
            step: steps done.
            metrics: {name: float}; `discriminator_loss`, `sample_diversity`, `gamma/NAME` and
                `sigma/NAME` are looked at, if they are there.
        """
        signs = [*self._of_discriminator(metrics), *self._of_diversity(metrics)]
        signs += [*_of_gates(metrics), *self._of_norms(metrics)]
        fresh = [(sign, text) for sign, text in signs if sign not in self._warned]
        self._warned.update(sign for sign, _ in fresh)
        return [f"step {step}: {text}" for _, text in fresh]

    def _of_discriminator(self, metrics):
        if "discriminator_loss" not in metrics:
            return
        self._losses.append(metrics["discriminator_loss"])
        if len(self._losses) == _PATIENCE and max(self._losses) < self._floor:
            yield (
                "discriminator",
                f"the discriminator has won: its loss was below {self._floor:.2g} in the last "
                f"{_PATIENCE} logs, so the generator learns little. A lower "
                "discriminator_learning_rate, fewer d_steps or more images usually help",
            )

    def _of_diversity(self, metrics):
        if "sample_diversity" not in metrics:
            return
        diversity = metrics["sample_diversity"]
        self._greatest_diversity = max(self._greatest_diversity, diversity)
        if diversity < _FALLEN * self._greatest_diversity:
            yield (
                "diversity",
                f"samples of a class look alike: their diversity fell to {diversity:.3g} from "
                f"{self._greatest_diversity:.3g}, as when modes collapse. Going back to an earlier "
                "checkpoint, lower learning rates or larger batches usually help",
            )

    def _of_norms(self, metrics):
        for name, sigma in metrics.items():
            if not name.startswith("sigma/"):
                continue
            first = self._first_sigmas.setdefault(name, sigma)
            if sigma > _GROWTH * first:
                yield (
                    "sigma",
                    f"{name} has grown from {first:.3g} to {sigma:.3g}: the spectral norm of that "
                    "kernel runs away, as before a collapse. A lower learning rate usually helps",
                )


def _of_gates(metrics):
    for name, gate in metrics.items():
        if name.startswith("gamma/") and abs(gate) > _LARGEST_GAMMA:
            yield (
                "gamma",
                f"{name} is {gate:.3g}: attention drowns the image it is added to. A lower "
                "learning rate, or attention on a smaller feature map, usually helps",
            )
