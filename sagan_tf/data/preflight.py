"""Preflight: checks a data set before training, and reports what it holds."""

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
from sagan_tf.data import listing, loading, manifest, pipeline, sources
from sagan_tf.errors import DataError
from sagan_tf.images import image_grid, save_png

REPORT_NAME, GRID_NAME, UNREADABLE_NAME = "data.json", "data.png", "unreadable.txt"
# The check of TFDS and of TFRecords from other software ends after this many records.
_MAX_RECORDS = 100_000
_GRID_IMAGES = 64
_SHOWN = 20


@dataclasses.dataclass(frozen=True)
class Report:
    """Result of `check`; `str(report)` is the text for the terminal.

    Args:
        dataset: the `dataset` setting.
        num_examples: number of images.
        num_checked: number of images that were decoded; sequential sources are checked in part.
        class_names: tuple of str, or None.
        histogram: {label: number of images}, of the checked images.
        unseen: labels below `num_classes` that no checked image has.
        too_small: names of images smaller than the resolution; they become blurred.
        preprocessing: the settings that the check depends on.
        fingerprint: text that changes with the data.
        warnings: tuple of str; a line for each other oddity of the data.
        sample: SHA-256 of some contents, from `Source.sample_sha256`; "" in older reports.
        earlier: tuple of str; `dataset` settings that the same data had before they moved.
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
    warnings: tuple = ()
    sample: str = ""
    earlier: tuple = ()

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
        lines += [f"  warning: {warning}" for warning in self.warnings]
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
        """Reads the report of an earlier `check` in a directory; None if there is none."""
        path = os.path.join(output_dir, REPORT_NAME)
        if not tf.io.gfile.exists(path):
            return None
        try:
            values = json.loads(files.read_text(path))
            if values["class_names"] is not None:
                values["class_names"] = tuple(values["class_names"])
            values["histogram"] = {int(label): n for label, n in values["histogram"].items()}
            for name in ("unseen", "too_small", "warnings", "earlier"):
                values[name] = tuple(values.get(name, ()))
            return cls(**values)
        except (ValueError, KeyError, TypeError, AttributeError):
            return None  # written by another version, so the check runs again


def check(source, config, output_dir):
    """Checks a source against a configuration, and saves the first images of training.

    The check decodes every image of a folder. Of TFDS and of TFRecords from other software it
    decodes the first 100,000 records. It verifies the checksums of prepared TFRecords. A check
    that passed is not repeated until the data or the settings change.

    Args:
        source: `source.Source`, from `sources.open_source`.
        config: ExperimentConfig.
        output_dir: directory for `data.json` (the report) and `data.png` (the first images). If
            images cannot be read, it gets `unreadable.txt` with their names instead.

    Returns:
        A `Report`.

    Raises:
        DataError: an image cannot be read, a label is outside `num_classes`, or a conditional run
            would have a single class.
        ConfigError: these settings do not allow a training batch.
    """
    with files.writing(output_dir):
        tf.io.gfile.makedirs(output_dir)
    before, sample = Report.read(output_dir), source.sample_sha256()
    report = before
    if not _is_still_valid(before, source, config, sample):
        report = _survey(source, config, output_dir)
    report = dataclasses.replace(
        report,
        dataset=config.dataset,
        warnings=(*_changes(before, report, sample), *warnings(source)),
        sample=sample,
        earlier=_earlier_settings(before, config.dataset, source),
    )
    _check_labels(report, source, config)
    _save_grid(source, config, os.path.join(output_dir, GRID_NAME))
    report.write(output_dir)
    return report


def warnings(source):
    """Returns a line for each oddity of the data that does not prevent training, a tuple."""
    splits = listing.split_names(source.class_names)
    lines = [f"the classes {', '.join(splits)} have the names of splits"] if splits else []
    return (*lines, *source.warnings)


def is_same_data(report, dataset, source):
    """Returns True if a report is about `dataset`, and `source` has the same data.

    Args:
        report: `Report` of an earlier check, or None.
        dataset: `dataset` setting of that time; the data may have been at another path.
        source: `source.Source`.
    """
    if report is None or dataset not in (report.dataset, *report.earlier):
        return False
    same = source.is_same_data(report.dataset, report.fingerprint)
    return same and report.sample in ("", source.sample_sha256())


def _earlier_settings(before, dataset, source):
    """Returns the other `dataset` settings that the same data have had, a tuple."""
    if before is None or not is_same_data(before, before.dataset, source):
        return ()
    settings = dict.fromkeys((before.dataset, *before.earlier))
    return tuple(setting for setting in settings if setting != dataset)


def _is_still_valid(before, source, config, sample):
    """Returns True if an earlier report is about the same data and settings."""
    if before is None or before.preprocessing != _settings(config):
        return False
    return before.fingerprint == source.fingerprint() and before.sample in ("", sample)


def _changes(before, report, sample):
    """Yields a line if the data have changed since an earlier report on the same path."""
    if before is None or before.dataset != report.dataset:
        return
    difference = report.num_examples - before.num_examples
    if difference:
        change = f"{abs(difference):,} images {'more' if difference > 0 else 'fewer'}"
        yield f"{change} than at the last check, which found {before.num_examples:,}"
    elif before.fingerprint != report.fingerprint:
        yield "images have other names, labels or contents than at the last check"
    elif before.sample not in ("", sample):
        yield "some files have other contents than at the last check"


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
    """Decodes images as training does; returns {label: images}, small images, and the count."""
    total = source.num_examples
    if not source.random_access:
        total = min(total, _MAX_RECORDS)
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
    """Saves a grid of the first images of the training pipeline, sorted by label."""
    batches = pipeline.training_batches(source, config)
    count = -(-_GRID_IMAGES // config.global_batch_size)
    images, labels = next(iter(batches.take(count).unbatch().batch(_GRID_IMAGES)))
    images = images.numpy()[np.argsort(labels, kind="stable")]
    save_png(path, image_grid(images, math.ceil(math.sqrt(len(images)))))
