"""Warnings about a training run that goes wrong, with what usually helps."""

from __future__ import annotations

import collections

import numpy as np

# D's loss when all logits are 0, so that D cannot tell real from fake. Wasserstein's loss has no
# lower bound.
_CHANCE_LOSS = {"hinge": 2.0, "non_saturating": 2.0 * np.log(2.0), "least_squares": 0.5}
_WON_FRACTION = 0.03  # of the chance loss: D has won if its loss stays below this
_PATIENCE = 5  # number of logs in a row below it
_COLLAPSE_FRACTION = 0.3  # of the greatest diversity so far: modes collapse below this
_LARGEST_GAMMA = 20.0
_LARGEST_GROWTH = 30.0  # of a kernel's spectral norm since the first log of the process


def sample_diversity(images, labels):
    """Measures how much the images of one class differ; 0 if all are the same.

    The measure is the root mean square distance of pixels to the mean image of their class. It
    falls when a generator begins to ignore its latents.

    Args:
        images: uint8 (n, h, w, c).
        labels: int (n,).

    Returns:
        float, in gray levels, from 0 to 127.5.
    """
    images, labels = np.asarray(images, np.float64), np.asarray(labels)
    variances = [images[labels == label].var(axis=0).mean() for label in np.unique(labels)]
    return float(np.sqrt(np.mean(variances)))


class CollapseAlarm:
    """Watches the logged metrics of one run and warns once about each sign of a collapse.

    Args:
        loss: name of the adversarial loss.

    Example:
        >>> alarm = CollapseAlarm("hinge")
        >>> for warning in alarm.check(step, metrics):
        ...     print(warning)
    """

    def __init__(self, loss):
        self._floor = _WON_FRACTION * _CHANCE_LOSS.get(loss, -np.inf)
        self._losses = collections.deque(maxlen=_PATIENCE)
        self._greatest_diversity = 0.0
        self._first_sigmas = {}
        self._warned = set()

    def check(self, step, metrics):
        """Reads the metrics of one log and returns warnings, each a line of text.

        Args:
            step: steps done.
            metrics: {name: float}. The alarm reads `discriminator_loss`, `sample_diversity`,
                `gamma/NAME` and `sigma/NAME`, if they are present.
        """
        signs = [*self._discriminator_signs(metrics), *self._diversity_signs(metrics)]
        signs += [*_gate_signs(metrics), *self._norm_signs(metrics)]
        new = [(sign, text) for sign, text in signs if sign not in self._warned]
        self._warned.update(sign for sign, _ in new)
        return [f"step {step}: {text}" for _, text in new]

    def _discriminator_signs(self, metrics):
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

    def _diversity_signs(self, metrics):
        if "sample_diversity" not in metrics:
            return
        diversity = metrics["sample_diversity"]
        self._greatest_diversity = max(self._greatest_diversity, diversity)
        if diversity < _COLLAPSE_FRACTION * self._greatest_diversity:
            yield (
                "diversity",
                f"samples of a class look alike: their diversity fell to {diversity:.3g} from "
                f"{self._greatest_diversity:.3g}, as when modes collapse. Going back to an earlier "
                "checkpoint, lower learning rates or larger batches usually help",
            )

    def _norm_signs(self, metrics):
        for name, sigma in metrics.items():
            if not name.startswith("sigma/"):
                continue
            first = self._first_sigmas.setdefault(name, sigma)
            if sigma > _LARGEST_GROWTH * first:
                yield (
                    "sigma",
                    f"{name} has grown from {first:.3g} to {sigma:.3g}: the spectral norm of that "
                    "kernel grows without limit, as before a collapse. "
                    "A lower learning rate usually helps",
                )


def _gate_signs(metrics):
    for name, gate in metrics.items():
        if name.startswith("gamma/") and abs(gate) > _LARGEST_GAMMA:
            yield (
                "gamma",
                f"{name} is {gate:.3g}: attention dominates the image that it is added to. A lower "
                "learning rate, or attention on a smaller feature map, usually helps",
            )
