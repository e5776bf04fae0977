"""`train/main.py` as users start it: a process of its own."""

import pathlib
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

ROOT = pathlib.Path(__file__).parents[2]
SMALL = (
    "--base_channels=2",
    "--eval_samples=50",
    "--global_batch_size=4",
    "--log_every=2",
    "--sample_every=4",
)


def run(*arguments):
    command = [sys.executable, str(ROOT / "train" / "main.py"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)


def test_trains_resumes_and_says_when_finished(tmp_path):
    run_dir = tmp_path / "run"
    first = run(*SMALL, f"--run_dir={run_dir}", "--train_steps=4", "--seed=3")
    assert first.returncode == 0, first.stderr
    assert "step 4/4" in first.stderr and "10,000 images" in first.stderr
    assert "accuracy" in first.stderr and "(50 images, garments features)" in first.stderr
    assert (run_dir / "samples" / "step_00000004.png").exists()
    other = run(*SMALL, f"--run_dir={run_dir}", "--train_steps=4", "--seed=4")
    assert other.returncode == 2
    assert one_error(other) == (
        f"error: run_dir={run_dir} was started with seed=3 (now 4); "
        "use the same settings to resume it, or another directory"
    )
    again = run(*SMALL, f"--run_dir={run_dir}", "--train_steps=4", "--seed=3")
    assert again.returncode == 0 and "is finished: 4 of 4 steps" in again.stderr


def test_the_default_preset_trains_on_other_images_without_its_scores(tmp_path):
    """They would need the Inception network, which would have to be fetched first."""
    for label in range(2):
        (tmp_path / "images" / str(label)).mkdir(parents=True)
        for number in range(4):
            pixels = np.random.default_rng(number).integers(0, 255, (32, 32, 3), np.uint8)
            Image.fromarray(pixels).save(tmp_path / "images" / str(label) / f"{number}.png")
    result = run(
        *SMALL,
        f"--dataset=folder:{tmp_path / 'images'}",
        f"--run_dir={tmp_path / 'run'}",
        "--resolution=16",
        "--attention_resolution=8",
        "--channels=3",
        "--num_classes=2",
        "--train_steps=1",
    )
    assert result.returncode == 0, result.stderr
    assert "step 1/1" in result.stderr and "fid" not in result.stderr


def one_error(result):
    """The one line that a user's mistake prints, without TensorFlow's own notes."""
    assert "Traceback" not in result.stderr
    (line,) = [line for line in result.stderr.splitlines() if line.startswith("error:")]
    return line


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--preset=imagenet"], "preset='imagenet' is not allowed; preset must be one of"),
        (["--no_such_flag=1"], "Unknown command line flag 'no_such_flag'"),
        (["--train_steps=many"], "train_steps='many' is not allowed; train_steps must be a whole"),
        (["surplus"], "'surplus' is not a flag"),
    ],
)
def test_mistakes_are_one_line_and_exit_code_2(tmp_path, arguments, message):
    result = run(*arguments, f"--run_dir={tmp_path / 'run'}")
    assert result.returncode == 2
    assert message in one_error(result)
    assert not (tmp_path / "run").exists()


def test_dry_run_prints_and_writes_nothing(tmp_path):
    result = run("--preset=imagenet_128", "--dry_run", f"--run_dir={tmp_path / 'run'}")
    assert result.returncode == 0, result.stderr
    assert "resolution: 128" in result.stdout
    assert "generator: 42,078,852 parameters" in result.stdout
    assert "GiB for a batch of 256" in result.stdout
    assert not (tmp_path / "run").exists()


def test_check_data_saves_a_picture_and_stops(tmp_path):
    result = run("--check_data", f"--run_dir={tmp_path / 'run'}")
    assert result.returncode == 0, result.stderr
    assert "Ankle boot" in result.stdout
    names = {path.name for path in (tmp_path / "run").iterdir()}
    assert names == {"data.json", "data.png"}


def test_help_lists_the_flags():
    result = run("--help")
    assert result.returncode == 0
    for flag in ("--preset", "--run_dir", "--base_channels", "--[no]dry_run", "--strategy"):
        assert flag in result.stdout
