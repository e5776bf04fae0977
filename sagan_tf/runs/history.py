"""What is known of a model that was loaded: the settings of its run, and its scores."""

from __future__ import annotations

import weakref

_HISTORIES = weakref.WeakKeyDictionary()


def remember(model, config, scores):
    """Notes the history of a model that was just loaded.

    Args:
        model: `SAGAN`.
        config: dict, the configuration of its run.
        scores: records of evaluation of these very weights: dicts.
    """
    _HISTORIES[model] = (int(model.step.numpy()), dict(config), tuple(scores))


def recall(model):
    """Returns (config, scores) of a loaded model; None if it was made here or has trained since."""
    step, *history = _HISTORIES.get(model, (None,))
    return tuple(history) if step == int(model.step.numpy()) else None
