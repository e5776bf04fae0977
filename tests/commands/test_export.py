"""export/main.py and export/client.py as commands."""

import os
import pathlib
import subprocess
import sys

import numpy as np
import PIL.Image
import pytest

from sagan_tf.models import factory
from sagan_tf.runs import run_directory
from sagan_tf.runs.checkpoints import Checkpoints

ROOT = pathlib.Path(__file__).parents[2]


def _run(script, *arguments):
    return subprocess.run(
        [sys.executable, str(ROOT / "export" / script), *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
    )


@pytest.fixture(scope="module")
def run_dir(tiny_config, tmp_path_factory):
    run = run_directory.start(tmp_path_factory.mktemp("runs") / "run", tiny_config)
    run.write_class_names(["shirt", "shoe", "bag"])
    Checkpoints(factory.build_model(tiny_config), run.checkpoints).save()
    return run.path


def test_export_and_draw_a_grid(run_dir, tmp_path):
    exports, grid = tmp_path / "exports", tmp_path / "grid.png"
    done = _run(
        "main.py", f"--run_dir={run_dir}", f"--export_dir={exports}", "--version=5", "--device=cpu"
    )
    assert done.returncode == 0, done.stderr
    assert f"Exported: {exports}/5" in done.stdout
    card = (exports / "5" / "MODEL_CARD.md").read_text()
    assert "| 1 | shoe |" in card and "bundled" in card and "| Devices | cpu |" in card

    drawing = (f"--local={exports}", "--labels=0,1,2", "--num_images=6", "--columns=3")
    done = _run("client.py", *drawing, f"--out={grid}")
    assert done.returncode == 0, done.stderr
    assert np.asarray(PIL.Image.open(grid)).shape == (2 + 2 * 18, 2 + 3 * 18)


def test_weights_that_come_with_the_package_are_exported(tmp_path):
    done = _run("main.py", "--pretrained=fashion_mnist_32", f"--export_dir={tmp_path}")
    assert done.returncode == 0, done.stderr
    card = (tmp_path / "1" / "MODEL_CARD.md").read_text()
    assert "| 9 | Ankle boot |" in card
    assert "bundled" in card and "10.1" in card  # what it was trained on, and its FID


@pytest.mark.parametrize(
    ("script", "arguments", "message"),
    [
        ("main.py", ["--export_dir=x"], "run_dir must be given, or pretrained, and not both"),
        ("main.py", ["--run_dir=no", "--export_dir=x", "--checkpoint=best"], "run_dir=no is not"),
        ("main.py", ["--run_dir=no", "--export_dir=x", "--device=xpu"], "any, cpu, gpu, tpu"),
        ("client.py", ["--labels=1"], "exactly one of --grpc, --rest and --local"),
    ],
)
def test_mistakes_are_one_line_and_exit_code_2(script, arguments, message):
    done = _run(script, *arguments)
    assert done.returncode == 2, done.stderr
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert message in line and "Traceback" not in done.stderr
