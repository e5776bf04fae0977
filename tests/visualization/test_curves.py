import io
import json
import pathlib
import warnings

import numpy as np
import pytest
from PIL import Image
from tensorboard.backend.event_processing import event_accumulator

from sagan_tf.visualization import curves

ROOT = pathlib.Path(__file__).parents[2]


def pixels_and_lines(content):
    picture = np.asarray(Image.open(io.BytesIO(content)).convert("RGB")).astype(int)
    return picture, np.ptp(picture, axis=-1) > 60  # coloured pixels are lines


def test_scores_against_images_seen():
    series = {"one": {100: [5.0, 7.0], 200: [4.0, 4.0]}, "two": {100: [9.0], 200: [8.0]}}
    picture, lines = pixels_and_lines(curves.score_figure(series, "FID"))
    assert picture.shape[1] > 600 and lines.sum() > 300
    other = curves.score_figure({"one": series["one"]}, "FID")
    assert pixels_and_lines(other)[1].sum() < lines.sum()


def test_curves_of_a_run(tmp_path):
    path = tmp_path / "metrics.jsonl"
    metrics = [
        {
            "step": step,
            "discriminator_loss": 1.0 / step,
            "generator_loss": 0.1 * step,
            "gamma/generator/attention": 0.01 * step,
            "images_per_second": 5.0,
        }
        for step in (1, 2, 3)
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in metrics))
    picture, lines = pixels_and_lines(curves.run_figure(str(path)))
    assert lines.sum() > 300
    scores = [{"step": step, "title": "FID-10k (garments)", "value": 30.0} for step in (2, 1)]
    scores += [{"step": 2, "title": "accuracy-10k (garments)", "value": 0.9}]
    scored, more = pixels_and_lines(curves.run_figure(str(path), scores))
    # The fourth panel, in a row with the third: the picture is as large, with one line more.
    assert scored.shape == picture.shape and more.sum() > lines.sum() + 100


@pytest.mark.parametrize("content", [None, "", "\n", '{"step": 1, "discr'])
def test_a_run_without_metrics_has_no_curves(tmp_path, content):
    path = tmp_path / "metrics.jsonl"
    if content is not None:
        path.write_text(content)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert curves.run_figure(str(path)) is None


def test_every_logged_metric_has_a_curve_and_is_documented(small_run):
    """docs/training.md names all that a run logs, and the picture there shows it."""
    text = (ROOT / "docs" / "training.md").read_text()
    with open(f"{small_run}/metrics.jsonl") as file:
        logged = {name for line in file for name in json.loads(line)} - {"step"}
    assert len(logged) > 8
    for name in logged:
        assert f"`{name}`" in text
        assert any(name.startswith(beginnings) for _, beginnings in curves.RUN_PANELS), name
    events = event_accumulator.EventAccumulator(small_run)
    events.Reload()
    tags = {*events.Tags()["tensors"]}
    others = {name.partition("/")[0] for name in tags - logged}
    assert others == {"samples", "attention", "sigma", "gamma", "_hparams_"}  # no other curves
    kinds = {name: events.SummaryMetadata(name).plugin_data.plugin_name for name in tags}
    assert kinds["samples"] == kinds["attention"] == "images"
    for name in ("sigma/generator", "sigma/discriminator", "gamma/generator/batch_norm"):
        assert kinds[name] == "histograms"
    assert "`sigma/LAYER`" in text and "`evaluation/fid`" in text
