"""`train/sample.py` as users start it."""

import pathlib
import subprocess
import sys

from tests.commands.driver import check_mistakes

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
    mistakes = {
        (*(flag.replace("RUN", small_run) for flag in flags), f"--out={tmp_path / 'out'}"): message
        for flags, message in MISTAKES.items()
    }
    check_mistakes(MODULE, mistakes)
    assert not (tmp_path / "out").exists()
