import csv
import io

import numpy as np
from PIL import Image

from sagan_tf.experiments import results


def row(arm, seed, step, metric, value):
    return results.Row(arm, seed, step, 10 * step, metric, value, 2000, "garments", "no")


ROWS = [
    *(row("sagan_feat64", 0, step, "fid", value) for step, value in ((1, 30.0), (2, 20.0))),
    *(row("sagan_feat64", 1, step, "fid", value) for step, value in ((1, 18.0), (2, 26.0))),
    row("sagan_feat64", 0, 2, "is", 5.0),
    row("sagan_feat64", 0, 2, "coverage", 0.5),
    row("residual_feat64", 0, 2, "fid", 40.0),
]


def test_the_table_has_mean_spread_best_and_the_papers():
    table = results.to_markdown(ROWS, "attention", "demo", {"out/x": "main.py failed"})
    header, _, first, second = table.splitlines()[2:6]
    names = [cell.strip() for cell in header.strip("|").split("|")]
    cells = dict(zip(names, (cell.strip() for cell in first.strip("|").split("|"))))
    assert cells["seeds"] == "2"
    assert cells["FID, last"] == "23 ± 4.24"  # of 20 and 26
    assert cells["FID, best"] == "19 ± 1.41"  # of 20 and 18
    assert cells["paper's FID"] == "18.65" and "coverage, last" not in cells
    assert second.startswith("| residual_feat64 | 1 | 40 |")
    assert "not comparable with the paper" in table and "out/x: main.py failed." in table


def test_the_csv_file_has_every_score():
    read = list(csv.DictReader(io.StringIO(results.to_csv(ROWS))))
    assert len(read) == len(ROWS) and read[0]["images_seen"] == "10"


def test_all_files_are_written(tmp_path):
    paths = results.write(ROWS, "attention", "demo", {}, str(tmp_path))
    names = [path.rpartition("/")[2] for path in paths]
    assert names == ["attention.csv", "attention.md", "attention_fid.png", "attention_is.png"]
    picture = np.asarray(Image.open(paths[2]).convert("RGB")).astype(int)
    assert (np.ptp(picture, axis=-1) > 60).sum() > 300
