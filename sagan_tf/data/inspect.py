"""Preflight: looks at a data set before it can spoil a run."""

from __future__ import annotations

import collections
import dataclasses
import itertools
import json
import math
import os

import numpy as np
import tensorflow as tf
import tqdm

from sagan_tf import files
from sagan_tf.data import loading, manifest, pipeline, sources
from sagan_tf.errors import DataError
from sagan_tf.images import image_grid, save_png

REPORT_NAME, GRID_NAME, UNREADABLE_NAME = "data.json", "data.png", "unreadable.txt"
# TFDS and other people's TFRecords are checked up to here; files in folders all.
_MOST_RECORDS = 100_000
_GRID_IMAGES = 64
_SHOWN = 20


@dataclasses.dataclass(frozen=True)
class Report:
    """What `check` found; `str(report)` is for people.

    Args:
        dataset: the `dataset` setting.
        num_examples: images.
        num_checked: how many of them were decoded; fewer than all for huge sequential sources.
        class_names: tuple of str, or None.
        histogram: {label: images}, of those that were checked.
        unseen: labels below `num_classes` that no checked image has.
        too_small: names of images smaller than the resolution, which will be blurred.
        preprocessing: the settings that the check depends on.
        fingerprint: changes with the data.
    """

    dataset: str
    num_examples: int
    num_checked: int
    class_names: tuple | None
    histogram: dict
    unseen: tuple
    too_small: tuple
    preprocessing: dict
    fingerprint: str

    def __str__(self):
        lines = [f"{self.dataset}: {self.num_examples:,} images, {len(self.histogram)} labels"]
        if self.num_checked < self.num_examples:
            lines.append(f"  checked the first {self.num_checked:,} records")
        labels = list(self.histogram)
        for label in labels[:_SHOWN]:
            lines.append(f"  {self.histogram[label]:9,d}  {self._name(label)}")
        if len(labels) > _SHOWN:
            counts = self.histogram.values()
            lines.append(f"  ... {len(labels)} labels, {min(counts):,} to {max(counts):,} images")
        if self.unseen:
            names = ", ".join(self._name(label) for label in self.unseen[:_SHOWN])
            lines.append(f"  warning: no images of {len(self.unseen)} classes: {names}")
        if self.too_small:
            names = ", ".join(self.too_small[:_SHOWN])
            more = " ..." if len(self.too_small) > _SHOWN else ""
            lines.append(
                f"  warning: {len(self.too_small)} images are smaller than the resolution and "
                f"will be blurred: {names}{more}"
            )
        return "\n".join(lines)

    def _name(self, label):
        names = self.class_names or ()
        return f"{label} {names[label]}" if label < len(names) else str(label)

    def write(self, output_dir):
        """Writes `data.json`."""
        text = json.dumps(dataclasses.asdict(self), indent=2) + "\n"
        files.write_whole(os.path.join(output_dir, REPORT_NAME), text)

    @classmethod
    def read(cls, output_dir):
        """The report that an earlier `check` left in a directory, or None."""
        path = os.path.join(output_dir, REPORT_NAME)
        if not tf.io.gfile.exists(path):
            return None
        try:
            values = json.loads(files.read_text(path))
            if values["class_names"] is not None:
                values["class_names"] = tuple(values["class_names"])
            values["histogram"] = {int(label): n for label, n in values["histogram"].items()}
            for name in ("unseen", "too_small"):
                values[name] = tuple(values[name])
            return cls(**values)
        except (ValueError, KeyError, TypeError, AttributeError):
            return None  # another version's; the check is made again


def check(source, config, output_dir):
    """Checks a source against a configuration and shows what the network will see.

    Decodes every image of a folder, the first 100,000 records of TFDS and of other people's
    TFRecords, and verifies the checksums of prepared ones. A check that passed is remembered in
    `output_dir` and not repeated while the data stay the same.

    Args:
        source: from `sources.open_source`.
        config: ExperimentConfig.
        output_dir: gets `data.json` (the report) and `data.png` (the first batch); after a
            failure `unreadable.txt` with the name of every image that cannot be read.

    Returns:
        A `Report`.

    Raises:
        DataError: an image cannot be read, a label is outside `num_classes`, or a conditional run
            would see a single class.
        ConfigError: a batch cannot be made with these settings.
    """
    tf.io.gfile.makedirs(output_dir)
    report = _remembered(source, config, output_dir) or _survey(source, config, output_dir)
    _check_labels(report, source, config)
    _save_grid(source, config, os.path.join(output_dir, GRID_NAME))
    report.write(output_dir)
    return report


def _remembered(source, config, output_dir):
    """The report of an earlier check of the same data under the same settings, or None."""
    before = Report.read(output_dir)
    if before is None or before.preprocessing != _settings(config):
        return None
    return before if before.fingerprint == source.fingerprint() else None


def _settings(config):
    return {"num_classes": config.num_classes, **manifest.preprocessing_of(config)}


def _survey(source, config, output_dir):
    histogram, too_small = source.known_histogram(), ()
    checked = source.num_examples
    if histogram is None:
        histogram, too_small, checked = _decode_all(source, config, output_dir)
    classes = range(config.num_classes or 0)
    return Report(
        dataset=config.dataset,
        num_examples=source.num_examples,
        num_checked=checked,
        class_names=source.class_names,
        histogram=dict(sorted(histogram.items())),
        unseen=tuple(label for label in classes if label not in histogram),
        too_small=too_small,
        preprocessing=_settings(config),
        fingerprint=source.fingerprint(),
    )


def _decode_all(source, config, output_dir):
    """Labels, names of small images and number of images, by decoding them as training does."""
    total = source.num_examples
    if not source.random_access:
        total = min(total, _MOST_RECORDS)
    examples = itertools.islice(source.examples(), total)
    histogram, too_small, problems, checked = collections.Counter(), [], [], 0
    items = loading.load_all(examples)
    for item in tqdm.tqdm(items, "checking images", total, unit="image", disable=None):
        checked += 1
        histogram[item.label] += 1
        if item.problem:
            problems.append(item)
        elif min(item.size) < config.resolution:
            too_small.append(f"{item.name} ({item.size[1]}x{item.size[0]})")
    loading.raise_if_unreadable(problems, os.path.join(output_dir, UNREADABLE_NAME))
    if total == source.num_examples:
        loading.raise_if_incomplete(checked, source, config)
    return histogram, tuple(too_small), checked


def _check_labels(report, source, config):
    if config.num_classes is None:
        return
    sources.require_labels(source, config)
    outside = [label for label in report.histogram if not 0 <= label < config.num_classes]
    if outside:
        raise DataError(
            f"num_classes={config.num_classes}, but {config.dataset} has the label {max(outside)}; "
            f"labels must be in [0, {config.num_classes})"
        )
    if len(report.histogram) == 1:
        raise DataError(
            f"num_classes={config.num_classes}, but all {report.num_checked} images of "
            f"{config.dataset} have the label {next(iter(report.histogram))}; use "
            "num_classes=none, or data with classes"
        )


def _save_grid(source, config, path):
    """The first images of the real training pipeline, sorted by label."""
    batches = pipeline.training_batches(source, config)
    count = -(-_GRID_IMAGES // config.global_batch_size)
    images, labels = next(iter(batches.take(count).unbatch().batch(_GRID_IMAGES)))
    images = images.numpy()[np.argsort(labels, kind="stable")]
    save_png(path, image_grid(images, math.ceil(math.sqrt(len(images)))))
