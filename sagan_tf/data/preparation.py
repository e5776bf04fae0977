"""Preparation of any source as sharded TFRecords at the training resolution; it can resume."""

from __future__ import annotations

import collections
import dataclasses
import itertools
import json
import math
import os
import typing

import numpy as np
import tensorflow as tf
import tqdm

from sagan_tf import files, hashing, sampling
from sagan_tf.data import listing, loading, manifest, pipeline, record_format
from sagan_tf.errors import DataError

_WORK = "in_progress"  # directory of unfinished shards, and of notes about finished ones
_MAX_SHARD_BYTES = 256 << 20
_WORKERS_SERVED = 8  # a multiple of 8 shards splits evenly over 1, 2, 4 or 8 workers
_ORDER = 103  # constant that separates the stored order's random stream under the user's seed


def prepare(source, config, output_dir, num_shards=None, skip_unreadable=False):
    """Writes every image of a source, decoded and resized, to TFRecords.

    The records hold raw uint8 pixels (`image_raw`), so training does not decode. `config.seed`
    shuffles the images of a source with random access, so each shard is a random sample. The
    same call resumes a stopped preparation: a shard gets its name when it is complete, complete
    shards stay, and `dataset.json` is written last.

    Args:
        source: `source.Source`, from `sources.open_source`.
        config: ExperimentConfig; its data settings and seed are used.
        output_dir: a new directory, or that of a preparation with the same settings. A finished
            preparation stays unchanged. Local or in a bucket.
        num_shards: number of files; None writes a multiple of 8 files of up to 256 MiB each.
        skip_unreadable: if True, images that cannot be read are left out and listed in
            `dataset.json`; if False, they are an error.

    Returns:
        `manifest.Manifest`.

    Raises:
        DataError: an image cannot be read, or the directory has other contents.
    """
    listing.check_text("out", os.fspath(output_dir))
    num_shards = num_shards or _default_num_shards(source, config)
    plan = _Plan(
        dataset=config.dataset,
        split=config.split,
        fingerprint=source.fingerprint(),
        preprocessing=manifest.preprocessing_of(config),
        num_examples=source.num_examples,
        num_shards=min(num_shards, source.num_examples),
        seed=config.seed,
        sample=source.sample_sha256(),
    )
    plan.claim(output_dir, source)
    result = manifest.Manifest.read(output_dir)
    if result is None:
        result = _write(source, config, plan, output_dir, skip_unreadable)
    if tf.io.gfile.exists(os.path.join(output_dir, _WORK)):
        tf.io.gfile.rmtree(os.path.join(output_dir, _WORK))
    return result


def _write(source, config, plan, directory, skip_unreadable):
    """Writes the missing shards, then `dataset.json`."""
    with files.writing(directory):
        tf.io.gfile.makedirs(os.path.join(directory, _WORK))
    shards = _write_shards(source, config, plan, directory, skip_unreadable)
    result = manifest.Manifest(
        source=config.dataset,
        split=config.split,
        class_names=source.class_names,
        has_labels=source.has_labels,
        preprocessing=plan.preprocessing,
        shards=tuple(shards),
    )
    if result.num_examples == 0:
        raise DataError(f"none of the {plan.num_examples} images of {config.dataset} can be read")
    result.write(directory)
    return result


@dataclasses.dataclass(frozen=True)
class _Plan:
    """Settings of a preparation; a call that resumes must have the same."""

    dataset: str
    split: str
    fingerprint: str
    preprocessing: dict
    num_examples: int
    num_shards: int
    seed: int
    sample: str

    def claim(self, directory, source):
        """Writes the plan to a new directory, or compares it with the directory's plan.

        The data may have moved to another path since.

        Raises:
            DataError: the directory has another plan, or other files and no plan.
        """
        path = os.path.join(directory, manifest.PLAN_NAME)
        values = dataclasses.asdict(self)
        if not tf.io.gfile.exists(path):
            self._check_new(directory)
            with files.writing(directory):
                tf.io.gfile.makedirs(directory)
                files.write_whole(path, json.dumps(values, indent=2) + "\n")
            return
        before = {"sample": self.sample, **json.loads(files.read_text(path))}
        if source.is_same_data(before["dataset"], before["fingerprint"]):
            values.update(dataset=before["dataset"], fingerprint=before["fingerprint"])
        for name, value in values.items():
            if before.get(name) != value:
                raise DataError(
                    f"{directory} was begun with {name}={before.get(name)!r}, not {value!r}; "
                    "use another directory"
                )

    def _check_new(self, directory):
        """Raises DataError if a directory without a plan has other files than parts of a plan."""
        if tf.io.gfile.exists(directory) and not tf.io.gfile.isdir(directory):
            raise DataError(f"{directory} is a file; it must be a directory")
        names = tf.io.gfile.listdir(directory) if tf.io.gfile.isdir(directory) else []
        if any(not name.startswith(manifest.PLAN_NAME) for name in names):
            raise DataError(f"{directory} is not empty and was not made by prepare_data")

    def bounds(self, shard):
        """Returns the first position of a shard, and the first position after it."""
        return (
            shard * self.num_examples // self.num_shards,
            (shard + 1) * self.num_examples // self.num_shards,
        )

    def file_name(self, shard):
        return f"images-{shard:05d}-of-{self.num_shards:05d}.tfrecord"

    def unfinished_path(self, directory, shard):
        return os.path.join(directory, _WORK, self.file_name(shard))

    def finish_shard(self, directory, shard, written):
        """Moves a complete file to its place; returns its `manifest.Shard`."""
        path = self.unfinished_path(directory, shard)
        result = manifest.Shard(
            file=self.file_name(shard),
            num_examples=written.count,
            num_bytes=tf.io.gfile.stat(path).length,
            sha256=hashing.file_sha256(path),
            histogram=written.histogram,
            skipped=tuple(item.name for item in written.problems),
        )
        files.write_whole(f"{path}.json", json.dumps(dataclasses.asdict(result)))
        tf.io.gfile.rename(path, os.path.join(directory, result.file), overwrite=True)
        return result

    def finished_shard(self, directory, shard):
        """Returns the `manifest.Shard` of a shard that an earlier call finished, or None."""
        path = os.path.join(directory, self.file_name(shard))
        note = f"{self.unfinished_path(directory, shard)}.json"
        if not (tf.io.gfile.exists(path) and tf.io.gfile.exists(note)):
            return None
        result = manifest.Shard.from_dict(json.loads(files.read_text(note)))
        return result if tf.io.gfile.stat(path).length == result.num_bytes else None


def _default_num_shards(source, config):
    image_bytes = config.resolution**2 * config.channels
    shards = math.ceil(source.num_examples * image_bytes / _MAX_SHARD_BYTES)
    return math.ceil(shards / _WORKERS_SERVED) * _WORKERS_SERVED


def _write_shards(source, config, plan, directory, skip_unreadable):
    """Writes the missing shards; returns a `manifest.Shard` for every shard."""
    shards = [plan.finished_shard(directory, number) for number in range(plan.num_shards)]
    missing = [number for number, shard in enumerate(shards) if shard is None]
    done = sum(shard.num_examples for shard in shards if shard)
    images = loading.load_all(_examples_of(source, plan, missing))
    problems = []
    with tqdm.tqdm(
        desc="preparing", total=plan.num_examples, initial=done, unit="image", disable=None
    ) as bar:
        for number in missing:
            first, end = plan.bounds(number)
            part = itertools.islice(images, end - first)
            found = _write_records(part, plan.unfinished_path(directory, number), bar, directory)
            problems += found.problems
            if found.count + len(found.problems) != end - first:
                loading.raise_if_incomplete(first + found.count, source, config)
            if skip_unreadable or not found.problems:
                with files.writing(directory):
                    shards[number] = plan.finish_shard(directory, number, found)
    if not skip_unreadable:
        loading.raise_if_unreadable(problems, os.path.join(directory, _WORK, "unreadable.txt"))
    return shards


class _Written(typing.NamedTuple):
    """Summary of one written file: records, {label: images}, and images left out."""

    count: int
    histogram: dict
    problems: list


def _write_records(images, path, bar, directory):
    histogram, problems = collections.Counter(), []
    with files.writing(directory):
        writer = tf.io.TFRecordWriter(path)
    for item in images:
        bar.update()
        if item.problem:
            problems.append(item)
            continue
        with files.writing(directory):
            writer.write(record_format.serialize(item.image, item.label))
        histogram[item.label] += 1
    with files.writing(directory):
        writer.close()
    return _Written(sum(histogram.values()), dict(sorted(histogram.items())), problems)


def _examples_of(source, plan, shards):
    """Returns the examples of the given shards, in the stored order."""
    if not source.random_access:
        wanted = np.zeros(plan.num_examples, bool)
        for shard in shards:
            wanted[slice(*plan.bounds(shard))] = True
        return itertools.compress(source.examples(), wanted)
    ranges = [tf.range(*plan.bounds(shard), dtype=tf.int64) for shard in shards]
    positions = tf.concat([tf.zeros(0, tf.int64), *ranges], axis=0)
    seed = sampling.fold_in(sampling.root_seed(plan.seed), _ORDER)
    order = pipeline.shuffled_indices(positions, plan.num_examples, seed)
    return source.examples(order.numpy().tolist())
