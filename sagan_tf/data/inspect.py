"""Preflight: looks at a data set before it can spoil a run."""

from __future__ import annotations

import dataclasses
import os

import numpy as np

from sagan_tf.data import pipeline
from sagan_tf.errors import DataError
from sagan_tf.visualization import grids

_GRID_IMAGES = 64


@dataclasses.dataclass(frozen=True)
class Report:
    """What `check` found; `str(report)` is for people.

    Args:
        dataset: the `dataset` setting.
        num_examples: images.
        class_names: tuple of str, or None.
        histogram: images of each label, by label.
        grid_path: the picture of what the network sees.
    """

    dataset: str
    num_examples: int
    class_names: tuple | None
    histogram: dict
    grid_path: str

    def __str__(self):
        lines = [f"{self.dataset}: {self.num_examples} images, {len(self.histogram)} classes"]
        for label, count in sorted(self.histogram.items()):
            name = self.class_names[label] if self.class_names else ""
            lines.append(f"  {label:4d} {count:8d} {name}")
        lines.append(f"  what the network sees: {self.grid_path}")
        return "\n".join(lines)


def check(source, config, output_dir):
    """Checks a source against a configuration and saves a picture of its first batch.

    Args:
        source: from `sources.open_source`.
        config: ExperimentConfig.
        output_dir: where `data.png` goes.

    Returns:
        A `Report`.

    Raises:
        DataError: the data cannot be trained on as configured.
    """
    labels, counts = np.unique(source.labels, return_counts=True)
    histogram = {int(label): int(count) for label, count in zip(labels, counts, strict=True)}
    _check_labels(histogram, config)
    grid_path = os.path.join(output_dir, "data.png")
    _save_grid(source, config, grid_path)
    return Report(config.dataset, source.num_examples, source.class_names, histogram, grid_path)


def _check_labels(histogram, config):
    if config.num_classes is None:
        return
    outside = [label for label in histogram if not 0 <= label < config.num_classes]
    if outside:
        raise DataError(
            f"num_classes={config.num_classes}, but {config.dataset} has the label {max(outside)}; "
            f"labels must be in [0, {config.num_classes})"
        )
    if len(histogram) == 1:
        raise DataError(
            f"num_classes={config.num_classes}, but every image of {config.dataset} has the label "
            f"{next(iter(histogram))}; use num_classes=none or data with classes"
        )


def _save_grid(source, config, path):
    images, labels = next(iter(pipeline.training_batches(source, config)))
    order = np.argsort(labels, kind="stable")[:_GRID_IMAGES]
    columns = int(np.ceil(np.sqrt(len(order))))
    grids.save_png(path, grids.image_grid(images.numpy()[order], columns))
