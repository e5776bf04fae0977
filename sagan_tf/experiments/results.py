"""Results of a suite: rows for a CSV file, a Markdown table, and figures."""

from __future__ import annotations

import csv
import io
import os
import statistics
import typing

from sagan_tf import files
from sagan_tf.config.presets import PRESETS
from sagan_tf.evaluation import metrics
from sagan_tf.visualization import curves

_COMPARED = ("fid", "is")  # metrics with a best score, and with a score of the paper
_SHOWN = ("fid", "is", "accuracy", "precision", "recall")  # the others are in the CSV file only
_LOWER_IS_BETTER = ("fid",)


class Row(typing.NamedTuple):
    """One score of a checkpoint."""

    arm: str
    seed: int
    step: int
    images_seen: int
    metric: str
    value: float
    samples: int
    feature_network: str
    comparable: str


def collect(suite_arms):
    """Returns all scores of a suite's runs as `Row`s, in the order of the arms.

    `images_seen` counts real images: an arm with several D updates in a step sees more of them.

    Args:
        suite_arms: from `suites.arms`.
    """
    rows = []
    for arm in suite_arms:
        images_a_step = arm.config.global_batch_size * arm.config.d_steps
        for line in arm.scores():
            seen = line["step"] * images_a_step
            keys = ("metric", "value", "samples", "feature_network", "comparable")
            values = [line[key] for key in keys]
            rows.append(Row(arm.name, arm.config.seed, line["step"], seen, *values))
    return rows


def write(rows, suite, scale, failures, out):
    """Writes `SUITE.csv`, `SUITE.md` and a `SUITE_METRIC.png` for each metric.

    Args:
        rows: of `collect`, at least one.
        suite: its name.
        scale: "demo" or "full"; for the heading.
        failures: {path of a run: reason}.
        out: directory.

    Returns:
        The paths of the files.
    """
    contents = {
        f"{suite}.csv": to_csv(rows),
        f"{suite}.md": to_markdown(rows, suite, scale, failures),
        **{f"{suite}_{name}.png": figure(rows, name) for name in _shown(rows)},
    }
    paths = [os.path.join(out, name) for name in contents]
    for path, content in zip(paths, contents.values()):
        files.write_whole(path, content)
    return paths


def to_csv(rows):
    """Returns the rows as CSV text with a header."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(Row._fields)
    writer.writerows(rows)
    return text.getvalue()


def to_markdown(rows, suite, scale, failures):
    """Returns a Markdown table of arms: their last and best scores, and those of the paper."""
    shown = _shown(rows)
    with_best = [name for name in _COMPARED if name in shown]
    header = ["arm", "seeds", *(f"{metrics.short_title(name)}, last" for name in shown)]
    header += [f"{metrics.short_title(name)}, best" for name in with_best]
    header += [f"paper's {metrics.short_title(name)}" for name in _COMPARED]
    lines = [header, ["---"] * len(header)]
    for arm in dict.fromkeys(row.arm for row in rows):
        here = [row for row in rows if row.arm == arm]
        cells = [arm, str(len({row.seed for row in here}))]
        cells += [_mean_and_spread(_last(here, name)) for name in shown]
        cells += [_mean_and_spread(_best(here, name)) for name in with_best]
        cells += [str(PRESETS[arm].paper.get(name, "")) for name in _COMPARED]
        lines.append(cells)
    network, samples = rows[0].feature_network, rows[0].samples
    text = f"# {suite}, {scale} scale\n\n" + "".join(f"| {' | '.join(line)} |\n" for line in lines)
    text += (
        f"\nMean ± standard deviation over seeds. {samples:,} images a score, {network} features"
        f"{'' if rows[0].comparable == 'yes' else ': not comparable with the paper'}. "
        "The paper's scores are of ImageNet at 128x128.\n"
    )
    return text + "".join(f"\n{path}: {reason}.\n" for path, reason in failures.items())


def figure(rows, metric):
    """Plots one metric against the real images seen, with a line for each arm: a PNG file."""
    series = {}
    for row in rows:
        if row.metric == metric:
            points = series.setdefault(row.arm, {})
            points.setdefault(row.images_seen, []).append(row.value)
    return curves.score_figure(series, f"{metrics.short_title(metric)} ({rows[0].feature_network})")


def _shown(rows):
    found = {row.metric for row in rows}
    return [name for name in _SHOWN if name in found]


def _last(rows, metric):
    """Returns the score of each seed at its last step."""
    last = {
        row.seed: row.value
        for row in sorted(rows, key=lambda row: row.step)
        if row.metric == metric
    }
    return list(last.values())


def _best(rows, metric):
    """Returns the best score of each seed."""
    best = min if metric in _LOWER_IS_BETTER else max
    values = {}
    for row in rows:
        if row.metric == metric:
            values.setdefault(row.seed, []).append(row.value)
    return [best(found) for found in values.values()]


def _mean_and_spread(values):
    if not values:
        return ""
    spread = f" ± {statistics.stdev(values):.3g}" if len(values) > 1 else ""
    return f"{statistics.mean(values):.4g}{spread}"
