"""The pictures that `train/sample.py` draws of a trained model or an export."""

from __future__ import annotations

import dataclasses
import os

import numpy as np
import tensorflow as tf

from sagan_tf import files, sampling
from sagan_tf.data import sources
from sagan_tf.errors import ConfigError, UserError
from sagan_tf.evaluation.evaluator import EvaluationConfig
from sagan_tf.evaluation.existing_images import SourceImages
from sagan_tf.images import enlarge_to, image_grid, png
from sagan_tf.visualization import attention as overlays
from sagan_tf.visualization import interpolation, sheets
from sagan_tf.visualization import neighbours as nearest
from sagan_tf.visualization.subjects import CannotShow

ANIMATIONS = ("gif", "webp")
_HEIGHT = 64  # pixels of an image on a sheet, at least
_ROWS = 10  # classes on a sheet, evenly spaced if there are more
_STRIP = 9  # images from one end of an interpolation to the other
_FRAMES = 20  # the same in an animation
_TRUNCATIONS = (0.25, 0.5, 0.75, 1.0)


@dataclasses.dataclass(frozen=True)
class Options:
    """How pictures are drawn.

    Args:
        seed: int, of the latents.
        columns: images in a row.
        classes: labels to show; None is all, or ten evenly spaced ones.
        truncation: deviation of the latents, in (0, 1].
        points: queries of the attention overlays, (row, column) as fractions.
        animation: "gif" or "webp".
        data_dir: where TFDS keeps its data sets; for neighbours.
        settings: `evaluation.evaluator.EvaluationConfig`: the feature network for neighbours.

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


def draw(subject, kinds, options):
    """Draws pictures.

    Args:
        subject: from `subjects.open_subject`.
        kinds: of `KINDS`.
        options: `Options`.

    Returns:
        {file name: bytes}.

    Raises:
        CannotShow: the subject has not the means for a picture.
        ConfigError: an unknown kind, or a class that the subject has not.
    """
    result = {}
    for kind in kinds:
        if kind not in KINDS:
            raise ConfigError("pictures", kind, f"of {', '.join(KINDS)}")
        result.update(KINDS[kind](subject, _Scene(subject, options)))
    return result


def draw_possible(subject, options, say):
    """All pictures that a subject has the means for; `say` gets a line about each other one."""
    result = {}
    for kind in KINDS:
        try:
            result.update(draw(subject, [kind], options))
        except CannotShow as error:
            say(f"left out: {error}")
    return result


def write(pictures, directory):
    """Writes the files; returns their paths.

    Raises:
        UserError: one of them is there already.
    """
    check_new(pictures, directory)
    tf.io.gfile.makedirs(directory)
    paths = [os.path.join(directory, name) for name in pictures]
    for path, content in zip(paths, pictures.values()):
        files.write_whole(path, content)
    return paths


def check_new(names, directory):
    """Raises UserError if one of the files is in the directory already."""
    there = [name for name in names if tf.io.gfile.exists(os.path.join(directory, name))]
    if there:
        raise UserError(f"out={directory} holds {there[0]} already; choose another directory")


class _Scene:
    """What several pictures need: the classes to show, their names, and latents."""

    def __init__(self, subject, options):
        self.options = options
        count = subject.num_classes
        shown = options.classes
        if shown is None:
            shown = np.linspace(0, (count or 1) - 1, min(count or 1, _ROWS)).round()
        self.classes = [int(label) for label in shown]
        for label in self.classes:
            if not 0 <= label < (count or 1):
                raise ConfigError("classes", label, f"in [0, {count or 1})")
        self.names = [None] * len(self.classes)
        if count is not None:
            names = subject.class_names or ()
            self.names = [names[i] if i < len(names) else f"class {i}" for i in self.classes]
        self._latent_dim = subject.latent_dim

    def latents(self, count, truncation=None):
        """float32 (count, latent_dim)."""
        truncation = self.options.truncation if truncation is None else truncation
        seed = self.options.seed
        return sampling.latents(seed, count, self._latent_dim, truncation).numpy()

    def captions(self):
        """Names of the classes, or None if there are no classes."""
        return None if self.names[0] is None else self.names


def _rows(subject, latents, labels, columns):
    """Draws images, enlarged, in rows of `columns`."""
    images = enlarge_to(subject.draw(latents, np.asarray(labels, np.int32)), _HEIGHT)
    return list(images.reshape(-1, columns, *images.shape[1:]))


def _classes(subject, scene):
    """A grid: one row a class; columns share their latents."""
    columns, count = scene.options.columns, len(scene.classes)
    rows = columns if subject.num_classes is None else count
    latents = scene.latents(columns if count > 1 else rows * columns)
    latents = np.resize(latents, (rows * columns, latents.shape[1]))
    labels = np.resize(np.repeat(scene.classes, columns), rows * columns)
    sheet = sheets.sheet(_rows(subject, latents, labels, columns), scene.captions())
    return {"classes.png": png(sheet)}


def _truncation(subject, scene):
    """The same latents, ever longer."""
    columns = scene.options.columns
    labels = np.resize(scene.classes, columns)
    rows = [
        _rows(subject, scene.latents(columns, truncation), labels, columns)[0]
        for truncation in _TRUNCATIONS
    ]
    captions = [f"truncation {truncation:g}" for truncation in _TRUNCATIONS]
    return {"truncation.png": png(sheets.sheet(rows, captions))}


def _latents(subject, scene):
    """From one latent to another: a strip for each class, and a loop through three latents."""
    anchors = scene.latents(3)
    shown, names = scene.classes[:4], scene.captions()
    between = interpolation.between_latents
    path = between(anchors[0], anchors[1], np.linspace(0, 1, _STRIP))
    latents, labels = np.tile(path, (len(shown), 1)), np.repeat(shown, _STRIP)
    strip = sheets.sheet(_rows(subject, latents, labels, _STRIP), names and names[: len(shown)])
    legs = zip(anchors, np.roll(anchors, -1, axis=0))
    loop = np.concatenate([between(*leg, _shares()) for leg in legs])
    frames = _rows(subject, np.repeat(loop, len(shown), 0), np.tile(shown, len(loop)), len(shown))
    return {
        "latents.png": png(strip),
        **_animated("latents", frames, scene.options.animation),
    }


def _class_interpolation(subject, scene):
    """From one class to the next with the latent kept: strips, and a loop through the classes."""
    if subject.num_classes is None or len(scene.classes) < 2:
        raise CannotShow(f"class_interpolation: {subject.name} is shown with fewer than 2 classes")
    pairs = list(zip(scene.classes, [*scene.classes[1:], scene.classes[0]]))
    steps = np.linspace(0, 1, _STRIP)
    latents = scene.latents(3)
    rows, captions = [], []
    for (first, second), *names in zip(pairs[:-1], scene.names, scene.names[1:]):
        mixtures = interpolation.between_classes(first, second, steps, subject.num_classes)
        drawn = subject.draw_mixtures(np.repeat(latents[:1], _STRIP, axis=0), mixtures)
        rows.append(enlarge_to(drawn, _HEIGHT))
        captions.append(" to ".join(names))
    loop = np.concatenate(
        [interpolation.between_classes(*pair, _shares(), subject.num_classes) for pair in pairs]
    )
    images = subject.draw_mixtures(
        np.tile(latents, (len(loop), 1)), np.repeat(loop, len(latents), axis=0)
    )
    images = enlarge_to(images, _HEIGHT)
    frames = images.reshape(len(loop), len(latents), *images.shape[1:])
    return {
        "class_interpolation.png": png(sheets.sheet(rows, captions)),
        **_animated("class_interpolation", frames, scene.options.animation),
    }


def _neighbours(subject, scene):
    """Generated images, and the real ones nearest to them in feature space."""
    config, count = subject.config, 6
    if config is None:
        raise CannotShow(f"neighbours: {subject.name} does not say what it was trained on")
    real = SourceImages(sources.open_source(config, scene.options.data_dir), config)
    settings = scene.options.settings
    network = settings.evaluator(real, config.dataset, False).network
    images = subject.draw(scene.latents(len(scene.classes)), np.array(scene.classes, np.int32))
    found, _ = nearest.nearest(network, images, real, min(count, real.num_images))
    rows = [
        enlarge_to(np.concatenate([image[None], row]), _HEIGHT) for image, row in zip(images, found)
    ]
    heading = f"generated, then the nearest of {real.num_images:,} real images ({network.name})"
    return {"neighbours.png": png(sheets.sheet(rows, scene.captions(), heading))}


def _attention(subject, scene):
    """Where the generator looks from some query points (SAGAN figures 1 and 5)."""
    labels = np.array(scene.classes, np.int32)
    drawn = subject.attention(scene.latents(len(labels)), labels, scene.options.points)
    sheet = overlays.attention_sheet(*drawn, scene.captions())
    return {"attention.png": png(sheet)}


def _shares():
    """Frames of an animation from one stop to just before the next: slow at both ends."""
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
