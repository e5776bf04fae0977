import io
import json

import numpy as np
from PIL import Image

from sagan_tf.visualization import curves


def is_drawn(content):
    picture = np.asarray(Image.open(io.BytesIO(content)).convert("RGB")).astype(int)
    return picture, np.ptp(picture, axis=-1) > 60  # coloured pixels are lines


def test_scores_against_images_seen():
    series = {"one": {100: [5.0, 7.0], 200: [4.0, 4.0]}, "two": {100: [9.0], 200: [8.0]}}
    picture, lines = is_drawn(curves.score_figure(series, "FID"))
    assert picture.shape[1] > 600 and lines.sum() > 300
    other = curves.score_figure({"one": series["one"]}, "FID")
    assert is_drawn(other)[1].sum() < lines.sum()


def test_curves_of_a_run(tmp_path):
    path = tmp_path / "metrics.jsonl"
    metrics = [
        {
            "step": step,
            "discriminator_loss": 1.0 / step,
            "generator_loss": 0.1 * step,
            "gamma/generator/attention": 0.01 * step,
        }
        for step in (1, 2, 3)
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in metrics))
    _, lines = is_drawn(curves.run_figure(str(path)))
    assert lines.sum() > 300
