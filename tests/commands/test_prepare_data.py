"""`train/prepare_data.py` as users start it: a process of its own."""

import pathlib
import subprocess
import sys

import pytest

from tests.data.pictures import numbered

ROOT = pathlib.Path(__file__).parents[2]


def run(script, *arguments):
    command = [sys.executable, str(ROOT / "train" / script), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)


@pytest.fixture
def folder(tmp_path):
    for index in range(12):
        path = tmp_path / "images" / "ab"[index % 2] / f"{index}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        numbered(index).save(path)
    return tmp_path / "images"


def test_prepares_checks_and_says_what_is_next(folder, tmp_path):
    out = tmp_path / "prepared"
    flags = ["--resolution=16", "--num_classes=2"]
    result = run("prepare_data.py", f"--dataset=folder:{folder}", f"--out={out}", "--resolution=16")
    assert result.returncode == 0, result.stderr
    assert "12 images of 16x16, 2 labels" in result.stdout
    assert f"Train with --dataset=tfrecord:{out}" in result.stdout
    flags += ["--channels=3", "--attention_resolution=8", f"--dataset=tfrecord:{out}"]
    check = run("main.py", *flags, "--check_data", f"--run_dir={tmp_path / 'check'}")
    assert check.returncode == 0, check.stderr
    assert "12 images, 2 labels" in check.stdout
    assert (tmp_path / "check" / "data.png").exists()


def test_mistakes_are_one_line_and_exit_code_2(tmp_path):
    result = run("prepare_data.py", "--dataset=folder:nowhere", f"--out={tmp_path / 'out'}")
    assert result.returncode == 2
    assert "Traceback" not in result.stderr
    (line,) = [line for line in result.stderr.splitlines() if line.startswith("error:")]
    assert line.startswith("error: there is no folder /") and line.endswith("/nowhere")
    assert not (tmp_path / "out").exists()
