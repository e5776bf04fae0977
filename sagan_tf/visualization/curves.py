"""Figures: scores against images seen, and the curves of a run."""

from __future__ import annotations

import io
import math

import numpy as np

from sagan_tf.runs import json_lines

_INCHES, _DOTS = (6.4, 4.0), 130
# Panels of a run's figure: a title, and the metrics in it. A name also stands for all metrics that
# begin with it.
RUN_PANELS = (
    ("loss", ("discriminator_loss", "generator_loss")),
    ("D's opinion (logits)", ("real_logits", "fake_logits")),
    ("gradient norm", ("discriminator_gradient_norm", "generator_gradient_norm")),
    ("attention gate", ("gamma/",)),
    ("sample diversity", ("sample_diversity",)),
    ("images a second", ("images_per_second",)),
    ("FID", ("FID",)),
)


def score_figure(series, title):
    """Plots scores: a line of means for each label, and a band from the lowest to the highest.

    Args:
        series: {label: {x: values}}; the values are those of several seeds.
        title: of the y axis.

    Returns:
        A PNG file: bytes.
    """
    canvas, axes = _figure(1, 1)
    for label, points in series.items():
        x = sorted(points)
        (line,) = axes[0].plot(x, [np.mean(points[i]) for i in x], marker="o", ms=3, label=label)
        low, high = ([pick(points[i]) for i in x] for pick in (min, max))
        axes[0].fill_between(x, low, high, color=line.get_color(), alpha=0.15, lw=0)
    axes[0].set(xlabel="real images seen", ylabel=title)
    axes[0].legend(fontsize="small")
    return _png(canvas)


def run_figure(metrics_path, scores=()):
    """Plots all curves of a run.

    Args:
        metrics_path: the run's `metrics.jsonl`.
        scores: the run's records, from `runs.scores.read`. FID gets one line for each title,
            since scores of different settings do not compare.

    Returns:
        A PNG file: bytes; None if nothing was logged yet.
    """
    lines = json_lines.read(metrics_path, ["step"])
    lines += [{"step": score["step"], score["title"]: score["value"]} for score in scores]
    panels = [(title, _matching(lines, names)) for title, names in RUN_PANELS]
    panels = [panel for panel in panels if panel[1]]
    if not panels:
        return None
    canvas, axes = _figure(math.ceil(len(panels) / 2), 2)
    for axis, (title, names) in zip(axes, panels):
        for name in names:
            points = sorted({line["step"]: line[name] for line in lines if name in line}.items())
            axis.plot(*zip(*points), label=name, lw=1.2, marker="o" if len(points) < 20 else None)
        axis.set(title=title, xlabel="step")
        axis.legend(fontsize="x-small")
    for axis in axes[len(panels) :]:
        axis.set_axis_off()
    return _png(canvas)


def _matching(lines, beginnings):
    names = dict.fromkeys(name for line in lines for name in line)
    return [name for name in names if name.startswith(beginnings)]


def _figure(rows, columns):
    from matplotlib.figure import Figure  # imported here: it takes long, and only figures need it

    width, height = _INCHES
    size = (width * (1 if columns == 1 else 1.6), height * (1 if columns == 1 else 0.7 * rows))
    canvas = Figure(figsize=size, layout="constrained")
    axes = canvas.subplots(rows, columns, squeeze=False).ravel()
    for axis in axes:
        axis.grid(alpha=0.3)
    return canvas, axes


def _png(canvas):
    buffer = io.BytesIO()
    canvas.savefig(buffer, format="png", dpi=_DOTS)
    return buffer.getvalue()
