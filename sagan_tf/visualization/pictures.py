"""Pictures of a trained model or an export: all kinds that `train/sample.py` plots."""

from __future__ import annotations

import dataclasses
import os

import numpy as np
import tensorflow as tf

from sagan_tf import files, sampling
from sagan_tf.data import sources
from sagan_tf.errors import ConfigError, UserError
from sagan_tf.evaluation.existing_images import SourceImages
from sagan_tf.evaluation.settings import EvaluationConfig
from sagan_tf.images import enlarge_to, image_grid, png
from sagan_tf.visualization import attention as overlays
from sagan_tf.visualization import interpolation, sheets
from sagan_tf.visualization import neighbours as nearest
from sagan_tf.visualization.samplers import NotAvailable

ANIMATIONS = ("gif", "webp")
_HEIGHT = 64  # pixels of an image on a sheet, at least
_ROWS = 10  # classes on a sheet, evenly spaced if there are more
_STRIP = 9  # images from one end of an interpolation to the other
_FRAMES = 20  # the same in an animation
_TRUNCATIONS = (0.25, 0.5, 0.75, 1.0)


@dataclasses.dataclass(frozen=True)
class Options:
    """Settings of pictures.

    Args:
        seed: int, of the latents.
        columns: number of images in a row, above 0.
        classes: labels to show; None is all, or ten evenly spaced ones.
        truncation: deviation of the latents, in (0, 1].
        points: queries of the attention overlays, (row, column) as fractions in [0, 1).
        animation: "gif" or "webp".
        data_dir: directory of TFDS's data sets; for neighbours.
        settings: `EvaluationConfig`, whose feature network finds the neighbours.

    Raises:
        ConfigError: a value that is not allowed.
    """

    seed: int = 0
    columns: int = 10
    classes: tuple | None = None
    truncation: float = 1.0
    points: tuple = overlays.POINTS
    animation: str = ANIMATIONS[0]
    data_dir: str | None = None
    settings: EvaluationConfig = dataclasses.field(default_factory=EvaluationConfig)

    def __post_init__(self):
        if self.columns < 1:
            raise ConfigError("columns", self.columns, "a whole number above 0")
        if self.animation not in ANIMATIONS:
            raise ConfigError("animation", self.animation, f"one of {', '.join(ANIMATIONS)}")
        if not 1 <= len(self.points) <= len(overlays.COLORS):
            wanted = f"1 to {len(overlays.COLORS)} points"
            raise ConfigError("points", len(self.points), wanted)
        is_point = (
            len(point) == 2 and all(0 <= part < 1 for part in point) for point in self.points
        )
        if not all(is_point):
            raise ConfigError("points", self.points, "ROW:COLUMN, fractions in [0, 1)")


def plot(sampler, kinds, options):
    """Plots pictures.

    Args:
        sampler: from `samplers.open_sampler`.
        kinds: of `KINDS`.
        options: `Options`.

    Returns:
        {file name: bytes}.

    Raises:
        NotAvailable: the sampler cannot give what a picture needs.
        ConfigError: an unknown kind, or a class that the sampler does not have.
    """
    result = {}
    for kind in kinds:
        if kind not in KINDS:
            raise ConfigError("pictures", kind, f"of {', '.join(KINDS)}")
        result.update(KINDS[kind](sampler, _PlotContext(sampler, options)))
    return result


def plot_available(sampler, options, say):
    """Plots all pictures that a sampler can give; `say` gets a line about each of the others.

    Returns:
        {file name: bytes}.
    """
    result = {}
    for kind in KINDS:
        try:
            result.update(plot(sampler, [kind], options))
        except NotAvailable as error:
            say(f"left out: {error}")
    return result


def write(pictures, directory):
    """Writes files to a directory, and returns their paths.

    Args:
        pictures: {file name: bytes}.
        directory: created if it does not exist.

    Raises:
        UserError: one of the files exists.
    """
    check_new(pictures, directory)
    tf.io.gfile.makedirs(directory)
    paths = [os.path.join(directory, name) for name in pictures]
    for path, content in zip(paths, pictures.values()):
        files.write_whole(path, content)
    return paths


def check_new(names, directory):
    """Raises UserError if one of the files exists in the directory."""
    there = [name for name in names if tf.io.gfile.exists(os.path.join(directory, name))]
    if there:
        raise UserError(f"out={directory} holds {there[0]} already; choose another directory")


class _PlotContext:
    """The classes that pictures show, their names, and latents."""

    def __init__(self, sampler, options):
        self.options = options
        count = sampler.num_classes
        shown = options.classes
        if shown is None:
            shown = sampling.evenly_spaced_labels(count, _ROWS)
        self.classes = [int(label) for label in shown]
        for label in self.classes:
            if not 0 <= label < (count or 1):
                raise ConfigError("classes", label, f"in [0, {count or 1})")
        self.names = [None] * len(self.classes)
        if count is not None:
            names = sampler.class_names or ()
            self.names = [names[i] if i < len(names) else f"class {i}" for i in self.classes]
        self._latent_dim = sampler.latent_dim

    def latents(self, count, truncation=None):
        """Returns latents, float32 (count, latent_dim)."""
        truncation = self.options.truncation if truncation is None else truncation
        seed = self.options.seed
        return sampling.latents(seed, count, self._latent_dim, truncation).numpy()

    def captions(self):
        """Returns the names of the classes, or None without classes."""
        return None if self.names[0] is None else self.names


def _rows(sampler, latents, labels, columns):
    """Generates images, and returns them enlarged in rows of `columns`."""
    images = enlarge_to(sampler.generate(latents, np.asarray(labels, np.int32)), _HEIGHT)
    return list(images.reshape(-1, columns, *images.shape[1:]))


def _classes(sampler, context):
    """Plots one row of images for each class; the images of a column share their latents."""
    columns, count = context.options.columns, len(context.classes)
    rows = columns if sampler.num_classes is None else count
    latents = context.latents(columns if count > 1 else rows * columns)
    latents = np.resize(latents, (rows * columns, latents.shape[1]))
    labels = np.resize(np.repeat(context.classes, columns), rows * columns)
    sheet = sheets.sheet(_rows(sampler, latents, labels, columns), context.captions())
    return {"classes.png": png(sheet)}


def _truncation(sampler, context):
    """Plots the same latents under growing truncation."""
    columns = context.options.columns
    labels = np.resize(context.classes, columns)
    rows = [
        _rows(sampler, context.latents(columns, truncation), labels, columns)[0]
        for truncation in _TRUNCATIONS
    ]
    captions = [f"truncation {truncation:g}" for truncation in _TRUNCATIONS]
    return {"truncation.png": png(sheets.sheet(rows, captions))}


def _latents(sampler, context):
    """Plots interpolations of latents: a strip for each class, a loop through three latents."""
    anchors = context.latents(3)
    shown, names = context.classes[:4], context.captions()
    between = interpolation.between_latents
    path = between(anchors[0], anchors[1], np.linspace(0, 1, _STRIP))
    latents, labels = np.tile(path, (len(shown), 1)), np.repeat(shown, _STRIP)
    strip = sheets.sheet(_rows(sampler, latents, labels, _STRIP), names and names[: len(shown)])
    legs = zip(anchors, np.roll(anchors, -1, axis=0))
    loop = np.concatenate([between(*leg, _shares()) for leg in legs])
    frames = _rows(sampler, np.repeat(loop, len(shown), 0), np.tile(shown, len(loop)), len(shown))
    return {
        "latents.png": png(strip),
        **_animated("latents", frames, context.options.animation),
    }


def _class_interpolation(sampler, context):
    """Plots interpolations of classes under equal latents: strips, and a loop through all."""
    if sampler.num_classes is None or len(context.classes) < 2:
        raise NotAvailable(f"class_interpolation: {sampler.name} has fewer than 2 classes to show")
    pairs = list(zip(context.classes, [*context.classes[1:], context.classes[0]]))
    steps = np.linspace(0, 1, _STRIP)
    latents = context.latents(3)
    rows, captions = [], []
    for (first, second), *names in zip(pairs[:-1], context.names, context.names[1:]):
        mixtures = interpolation.between_classes(first, second, steps, sampler.num_classes)
        images = sampler.generate_mixtures(np.repeat(latents[:1], _STRIP, axis=0), mixtures)
        rows.append(enlarge_to(images, _HEIGHT))
        captions.append(" to ".join(names))
    loop = np.concatenate(
        [interpolation.between_classes(*pair, _shares(), sampler.num_classes) for pair in pairs]
    )
    images = sampler.generate_mixtures(
        np.tile(latents, (len(loop), 1)), np.repeat(loop, len(latents), axis=0)
    )
    images = enlarge_to(images, _HEIGHT)
    frames = images.reshape(len(loop), len(latents), *images.shape[1:])
    return {
        "class_interpolation.png": png(sheets.sheet(rows, captions)),
        **_animated("class_interpolation", frames, context.options.animation),
    }


def _neighbours(sampler, context):
    """Plots generated images, each with its nearest real images in feature space."""
    config, count = sampler.config, 6
    if config is None:
        raise NotAvailable(f"neighbours: {sampler.name} does not say what it was trained on")
    real = SourceImages(sources.open_source(config, context.options.data_dir), config)
    settings = context.options.settings
    network = settings.evaluator(real, config.dataset, False).network
    images = sampler.generate(
        context.latents(len(context.classes)), np.array(context.classes, np.int32)
    )
    found, _ = nearest.nearest(network, images, real, min(count, real.num_images))
    rows = [
        enlarge_to(np.concatenate([image[None], row]), _HEIGHT) for image, row in zip(images, found)
    ]
    heading = f"generated, then the nearest of {real.num_images:,} real images ({network.name})"
    return {"neighbours.png": png(sheets.sheet(rows, context.captions(), heading))}


def _attention(sampler, context):
    """Plots the attention maps of some queries (SAGAN figures 1 and 5)."""
    labels = np.array(context.classes, np.int32)
    attended = sampler.attention(context.latents(len(labels)), labels, context.options.points)
    sheet = overlays.attention_sheet(*attended, context.captions())
    return {"attention.png": png(sheet)}


def _shares():
    """Returns interpolation weights of the frames between two stops; both ends are slow."""
    return 0.5 - 0.5 * np.cos(np.pi * np.arange(_FRAMES) / _FRAMES)


def _animated(name, frames, kind):
    pictures = [image_grid(frame, len(frame)) for frame in frames]
    return {f"{name}.{kind}": sheets.animation(pictures, kind)}


KINDS = {
    "classes": _classes,
    "truncation": _truncation,
    "latents": _latents,
    "class_interpolation": _class_interpolation,
    "neighbours": _neighbours,
    "attention": _attention,
}
