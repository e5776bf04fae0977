"""Generators that come with the package, to sample, export and serve without training one.

A file pair holds one: `NAME.npz` has the averaged generator's weights (tables and kernels in
float16), `NAME.json` the configuration of the run, its step and scores, and the SHA-256 of the
weights. `python -m sagan_tf.pretrained --run_dir=RUN` makes such a pair.
"""

from __future__ import annotations

import dataclasses
import io
import json
import os

import numpy as np
import tensorflow as tf

from sagan_tf import files, hashing, sampling
from sagan_tf.config import ExperimentConfig
from sagan_tf.errors import ConfigError, UserError
from sagan_tf.keras_compat import named_variables
from sagan_tf.models import factory
from sagan_tf.runs import source as origin

BUNDLED = os.path.join(os.path.dirname(__file__), "bundled")
LARGEST_FILE = 4_000_000  # bytes of weights in a package that everyone downloads
_LARGEST_DIFFERENCE = 4  # gray levels of 255 that rounding the weights may move a pixel


def names(directory=BUNDLED):
    """Names of the generators that come with the package."""
    if not tf.io.gfile.isdir(directory):
        return ()
    stems = (os.path.splitext(name) for name in tf.io.gfile.listdir(directory))
    return tuple(sorted(stem for stem, extension in stems if extension == ".json"))


def load(name, directory=BUNDLED):
    """A trained model that comes with the package.

    Its generator and EMA generator are the trained one; the discriminator is fresh, so train a
    model from scratch, or from a run, rather than this one.

    Args:
        name: of `names()`, such as "fashion_mnist_32".
        directory: where the files are.

    Returns:
        A compiled `SAGAN`: `model.generate(labels=[0, 1, 2])`, `sagan_tf.export(model, directory)`.

    Raises:
        ConfigError: there is no such name.
        UserError: the file is damaged.
    """
    return load_origin(name, directory).model


def load_origin(name, directory=BUNDLED):
    """The model of `load`, with the configuration and the scores of the run it comes from."""
    if name not in names(directory):
        wanted = f"one of {', '.join(names(directory)) or 'none: no weights are installed'}"
        raise ConfigError("pretrained", name, wanted)
    card = json.loads(files.read_text(os.path.join(directory, f"{name}.json")))
    path = os.path.join(directory, f"{name}.npz")
    with tf.io.gfile.GFile(path, "rb") as file:
        content = file.read()
    actual = hashing.bytes_sha256(content)
    if actual != card["sha256"]:
        raise UserError(f"{path} has sha256 {actual}, not {card['sha256']}: it is damaged")
    config = ExperimentConfig.from_saved(card["config"])
    model = factory.build_model(config, card["class_names"])
    with np.load(io.BytesIO(content)) as weights:
        for generator in (model.generator, model.ema_generator):
            _assign(generator, weights)
    model.step.assign(card["step"])
    return origin.Origin(model, dataclasses.asdict(config), tuple(card["scores"]))


def save(run_dir, name, directory=BUNDLED, checkpoint="best"):
    """Makes the file pair of a run's averaged generator.

    Args:
        run_dir: what `train/main.py --run_dir` wrote.
        name: of the pair.
        directory: where it goes.
        checkpoint: "best", "latest" or a step.

    Returns:
        The card, a dict.

    Raises:
        UserError: there is no such run or checkpoint, the pair exists, is larger than
            `LARGEST_FILE`, or does not draw what the run's generator draws.
    """
    paths = {kind: os.path.join(directory, f"{name}.{kind}") for kind in ("npz", "json")}
    for path in paths.values():
        if tf.io.gfile.exists(path):
            raise UserError(f"{path} exists and is not overwritten; remove it or choose a name")
    source = origin.find(run_dir, checkpoint)
    generator = source.model.ema_generator
    content = _pack(generator)
    if len(content) > LARGEST_FILE:
        raise UserError(
            f"the weights of {run_dir} take {len(content):,} bytes; at most {LARGEST_FILE:,} may "
            "come with the package"
        )
    card = {
        "config": source.config,
        "class_names": source.model.class_names,
        "step": int(source.model.step.numpy()),
        # Without the path of the run, which means nothing elsewhere.
        "scores": [{**score, "subject": name} for score in source.scores],
        "largest_difference": _check(generator, content),
        "sha256": hashing.bytes_sha256(content),
    }
    tf.io.gfile.makedirs(directory)
    files.write_whole(paths["npz"], content)
    files.write_whole(paths["json"], json.dumps(card, indent=2) + "\n")
    return card


def _pack(generator):
    """The weights as an `npz` file: bytes."""
    arrays = {}
    for path, variable in named_variables(generator).items():
        value = np.asarray(variable.numpy(), np.float32)
        # Single precision where it is cheap, and where ranges are wide: statistics of batch norm.
        stored = value.astype(np.float16) if value.ndim > 1 else value
        if not np.all(np.isfinite(stored)):
            raise UserError(f"{path} has values that float16 cannot hold; train it differently")
        arrays[path] = stored
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


def _assign(generator, weights):
    for path, variable in named_variables(generator).items():
        variable.assign(weights[path].astype(np.float32))


def _check(generator, content):
    """The largest difference, in gray levels, of what packed weights draw; not too large."""
    copy = type(generator).from_config(generator.get_config())
    with np.load(io.BytesIO(content)) as weights:
        _assign(copy, weights)
    latents = sampling.latents(0, 100, generator.latent_dim)
    labels = np.arange(100, dtype=np.int32) % (generator.num_classes or 1)
    drawn = [sampling.to_uint8(g(latents, labels)).numpy().astype(int) for g in (generator, copy)]
    difference = int(np.abs(drawn[0] - drawn[1]).max())
    if difference > _LARGEST_DIFFERENCE:
        raise UserError(
            f"packed weights draw pixels that differ by {difference} of 255; at most "
            f"{_LARGEST_DIFFERENCE} is allowed"
        )
    return difference
