"""Pretrained generators of the package, to sample, export and serve without training.

A pair of files holds each generator. `NAME.npz` has the weights of the averaged generator:
kernels and tables in float16, vectors in float32. `NAME.json` has the configuration of the run,
its step and scores, and the SHA-256 of the weights. `python -m sagan_tf.pretrained --run_dir=RUN`
makes a pair.
"""

from __future__ import annotations

import dataclasses
import os

import numpy as np
import tensorflow as tf

from sagan_tf import files, sampling, weight_files
from sagan_tf.config import ExperimentConfig
from sagan_tf.errors import ConfigError, UserError
from sagan_tf.keras_compat import named_variables
from sagan_tf.models import factory
from sagan_tf.runs import history, model_source

BUNDLED = os.path.join(os.path.dirname(__file__), "bundled")
LARGEST_FILE = 4_000_000  # bytes of weights: every user of the package downloads them
_LARGEST_DIFFERENCE = 4  # gray levels of 255 by which float16 weights may move a pixel


def names(directory=BUNDLED):
    """Returns the names of the generators that come with the package."""
    if not tf.io.gfile.isdir(directory):
        return ()
    stems = (os.path.splitext(name) for name in tf.io.gfile.listdir(directory))
    return tuple(sorted(stem for stem, extension in stems if extension == ".json"))


def load(name, directory=BUNDLED):
    """Loads a trained model that comes with the package.

    Its generator and its EMA generator have the trained weights. Its discriminator is untrained,
    so do not train this model further.

    Args:
        name: one of `names()`, for example "fashion_mnist_32".
        directory: directory of the files.

    Returns:
        A compiled `SAGAN`: `model.generate(labels=[0, 1, 2])`, `sagan_tf.export(model, directory)`.

    Raises:
        ConfigError: there is no generator of that name.
        UserError: the file is damaged.
    """
    source = load_source(name, directory)
    history.remember(source.model, source.config, source.scores)
    return source.model


def load_source(name, directory=BUNDLED):
    """Loads the `ModelSource` of `load`: the model, and the configuration and scores of its run."""
    if name not in names(directory):
        wanted = f"one of {', '.join(names(directory)) or 'none: no weights are installed'}"
        raise ConfigError("pretrained", name, wanted)
    weights, card = weight_files.read(os.path.join(directory, name))
    config = ExperimentConfig.from_saved(card["config"])
    model = factory.build_model(config, card["class_names"])
    for generator in (model.generator, model.ema_generator):
        _assign(generator, weights)
    model.step.assign(card["step"])
    return model_source.ModelSource(model, dataclasses.asdict(config), tuple(card["scores"]))


def save(run_dir, name, directory=BUNDLED, checkpoint="best"):
    """Writes the pair of files of a run's averaged generator.

    Args:
        run_dir: directory of the run.
        name: name of the pair.
        directory: directory for the files.
        checkpoint: "best", "latest" or a step.

    Returns:
        The card, a dict.

    Raises:
        UserError: there is no run or checkpoint, the pair exists, the weights are larger than
            `LARGEST_FILE`, or float16 changes the images too much.
    """
    files.check_writable("out", directory)
    stem = os.path.join(directory, name)
    for path in (f"{stem}.npz", f"{stem}.json"):
        if tf.io.gfile.exists(path):
            raise UserError(f"{path} exists and is not overwritten; remove it or choose a name")
    source = model_source.find(run_dir, checkpoint)
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
    }
    return weight_files.write(stem, content, card)


def _pack(generator):
    """Returns the weights as the bytes of an `npz` file."""
    arrays = {}
    for path, variable in named_variables(generator).items():
        value = np.asarray(variable.numpy(), np.float32)
        # Vectors are small, and the statistics of batch norm have a wide range: float32.
        stored = value.astype(np.float16) if value.ndim > 1 else value
        if not np.all(np.isfinite(stored)):
            raise UserError(f"{path} has values that float16 cannot hold; train it differently")
        arrays[path] = stored
    return weight_files.pack(arrays)


def _assign(generator, weights):
    for path, variable in named_variables(generator).items():
        variable.assign(weights[path].astype(np.float32))


def _check(generator, content):
    """Returns the largest difference, in gray levels, between images of packed and own weights."""
    copy = generator.variant()
    _assign(copy, weight_files.unpack(content))
    latents = sampling.latents(0, 100, generator.latent_dim)
    labels = np.arange(100, dtype=np.int32) % (generator.num_classes or 1)
    own, packed = (
        sampling.to_uint8(g(latents, labels)).numpy().astype(int) for g in (generator, copy)
    )
    difference = int(np.abs(own - packed).max())
    if difference > _LARGEST_DIFFERENCE:
        raise UserError(
            f"packed weights generate pixels that differ by {difference} of 255; at most "
            f"{_LARGEST_DIFFERENCE} is allowed"
        )
    return difference
