"""The JSON line of each score: the number, and all that it depends on."""

from __future__ import annotations

import dataclasses
import json
import platform

import keras
import numpy
import scipy
import tensorflow as tf

from sagan_tf import files
from sagan_tf.evaluation import hashing

MIN_SAMPLES = 10_000
_TITLES = {
    "fid": "FID",
    "kid": "KID",
    "is": "Inception Score",
    "intra_fid": "intra-class FID",
    "sanity_fid": "FID of real against real",
}


def versions():
    """Versions of what computes the scores."""
    return {
        "python": platform.python_version(),
        "tensorflow": tf.__version__,
        "keras": keras.__version__,
        "numpy": numpy.__version__,
        "scipy": scipy.__version__,
    }


def config_sha256(config):
    """SHA-256 of an `ExperimentConfig`."""
    return hashing.settings_sha256(dataclasses.asdict(config))


def title(metric, samples, network):
    """What a score may be called: FID-50k only for 50,000 images and the network it is defined on.

    Args:
        metric: name of the metric.
        samples: images it was computed from.
        network: the `FeatureNetwork`.
    """
    name = _TITLES.get(metric, metric)
    if samples >= MIN_SAMPLES and samples % 1000 == 0:
        name = f"{name}-{samples // 1000}k"
    else:
        name = f"{name} of {samples} images"
    if network.comparable != "yes":
        name += f" by {network.name!r}"
    return name


def summary(record):
    """One line for people: the title, the value, the spread if there is one, what to beware of."""
    text = f"{record['title']}: {record['value']:.4f}"
    if record["spread"] is not None:
        text += f" ± {record['spread']:.4f}"
    if record["comparable"] == "no":
        text += " (not comparable with published scores)"
    return text


def append(path, records):
    """Adds JSON lines to a file, which is never seen with half a line."""
    text = files.read_text(path) if tf.io.gfile.exists(path) else ""
    files.write_whole(path, text + "".join(json.dumps(record) + "\n" for record in records))


def read(path):
    """The records in a file of JSON lines; none if there is no file."""
    if not tf.io.gfile.exists(path):
        return []
    return [json.loads(line) for line in files.read_text(path).splitlines()]
