"""`train/sample.py` as users start it."""

import json
import pathlib
import subprocess
import sys

from tests.commands.test_evaluate import DRIVER

ROOT = pathlib.Path(__file__).parents[2]
SCRIPT = str(ROOT / "train" / "sample.py")
MODULE = "sagan_tf.commands.sample"


def run(*arguments):
    command = [sys.executable, SCRIPT, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)


def test_draws_everything_of_a_run_and_a_gallery(small_run, tmp_path):
    out = tmp_path / "pictures"
    flags = ["--classes=0,9", "--columns=2", "--points=0.5:0.5,0.25:0.75", "--animation=webp"]
    result = run(f"--run_dir={small_run}", f"--out={out}", "--gallery", *flags)
    assert result.returncode == 0, result.stderr
    names = {path.name for path in out.iterdir()}
    assert names == {
        "attention.png",
        "class_interpolation.png",
        "class_interpolation.webp",
        "classes.png",
        "index.html",
        "latents.png",
        "latents.webp",
        "neighbours.png",
        "truncation.png",
    }
    assert sorted(result.stdout.split()) == sorted(str(out / name) for name in names)
    assert (out / "index.html").read_text().count("<img") >= 9


def test_draws_from_the_weights_that_come_with_the_package(tmp_path):
    flags = ["--pretrained=fashion_mnist_32", "--pictures=classes", "--columns=2"]
    result = run(*flags, f"--out={tmp_path}")
    assert (result.returncode, result.stdout) == (0, f"{tmp_path / 'classes.png'}\n"), result.stderr
    assert (tmp_path / "classes.png").stat().st_size > 10_000


MISTAKES = {
    (): "source=None is not allowed; source must be one of --run_dir",
    ("--run_dir=/none",): "run_dir=/none is not a run",
    ("--pretrained=none",): "pretrained='none' is not allowed",
    ("--export_dir=/none", "--gallery"): "--gallery shows a run",
    ("--run_dir=/none", "--points=middle"): "points='middle' is not allowed",
    ("--run_dir=/none", "--points=0.5"): "points",
    ("--run_dir=/none", "--classes=a"): "classes='a' is not allowed",
    ("--run_dir=RUN", "--pictures=faces"): "pictures='faces' is not allowed",
    ("--run_dir=RUN", "--pictures=classes", "--truncation=2"): "truncation=2.0 is not allowed",
}


def test_mistakes_are_one_line_and_exit_code_2(small_run, tmp_path):
    lines = [[flag.replace("RUN", small_run) for flag in flags] for flags in MISTAKES]
    lines = [[*flags, f"--out={tmp_path / 'out'}"] for flags in lines]
    command = [sys.executable, "-c", DRIVER, MODULE, json.dumps(lines)]
    result = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    found = [json.loads(line) for line in result.stdout.splitlines()]
    for (code, out, error), message in zip(found, MISTAKES.values()):
        assert (code, out) == (2, ""), error
        assert message in error and error.startswith("error: ") and error.count("\n") == 1, error
    assert not (tmp_path / "out").exists()
