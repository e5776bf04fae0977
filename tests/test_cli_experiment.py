"""`train/experiment.py` from end to end, at a tiny scale."""

import csv
import gzip
import json
import os
import pathlib
import struct
import subprocess
import sys

import numpy as np
import pytest

from tests.test_cli_evaluate import DRIVER

ROOT = pathlib.Path(__file__).parents[1]
SCRIPT = str(ROOT / "train" / "experiment.py")


@pytest.fixture
def few_garments(tmp_path):
    """An IDX directory of 60 images of noise."""
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (60, 28, 28), np.uint8)
    labels = (np.arange(60) % 10).astype(np.uint8)
    for name, array, header in (
        ("train-images-idx3-ubyte.gz", images, struct.pack(">IIII", 2051, 60, 28, 28)),
        ("train-labels-idx1-ubyte.gz", labels, struct.pack(">II", 2049, 60)),
    ):
        (tmp_path / name).write_bytes(gzip.compress(header + array.tobytes()))
    return tmp_path


def test_a_suite_runs_and_compares(few_garments, tmp_path):
    out = tmp_path / "out"
    changes = "base_channels=1,train_steps=2,global_batch_size=2"
    flags = [
        "--suite=comparison",
        "--seeds=1",
        f"--set=dataset=idx:{few_garments},{changes}",
        "--num_samples=50",
        f"--out={out}",
    ]
    result = subprocess.run(
        [sys.executable, SCRIPT, *flags],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
        env={**os.environ, "SAGAN_TF_CACHE": str(tmp_path / "cache")},
    )
    assert result.returncode == 0, result.stderr
    with open(out / "comparison.csv") as file:
        rows = list(csv.DictReader(file))
    arms = {"sngan_projection_128": 5, "sagan_feat64": 1}
    assert {row["arm"] for row in rows} == set(arms)
    for arm, d_steps in arms.items():
        here = [row for row in rows if row["arm"] == arm and row["metric"] == "fid"]
        assert [int(row["step"]) for row in here] == [1, 2]
        assert [int(row["images_seen"]) for row in here] == [2 * d_steps, 4 * d_steps]
        assert all(row["samples"] == "50" for row in here)
    table = (out / "comparison.md").read_text()
    assert "| sagan_feat64 | 1 |" in table and "| 18.65 | 52.52 |" in table
    assert (out / "comparison_fid.png").stat().st_size > 5000


MISTAKES = {
    ("--suite=none",): "suite='none' is not allowed; suite must be one of stabilization",
    ("--suite=attention", "--scale=huge"): "scale='huge'",
    ("--suite=attention", "--set=width=3"): "set='width=3' is not allowed",
    ("--suite=attention", "--set=base_channels=no"): "base_channels='no' is not allowed",
    ("--suite=attention", "--seeds=0"): "seeds=0",
    ("--suite=attention", "--num_samples=1"): "num_samples=1",
    ("--suite=attention", "--scale=full", "--inception_path=/x.pb"): "inception_path='/x.pb'",
}


def test_mistakes_are_one_line_and_exit_code_2(tmp_path):
    lines = [[*flags, f"--out={tmp_path / 'out'}"] for flags in MISTAKES]
    command = [sys.executable, "-c", DRIVER, SCRIPT, json.dumps(lines)]
    result = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    found = [json.loads(line) for line in result.stdout.splitlines()]
    for (code, out, error), message in zip(found, MISTAKES.values()):
        assert (code, out) == (2, ""), error
        assert message in error and error.startswith("error: ") and error.count("\n") == 1, error
    assert not (tmp_path / "out").exists()
