"""`train/experiment.py` from end to end, at a tiny scale."""

import contextlib
import csv
import gzip
import os
import pathlib
import struct
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from sagan_tf.config.flags import parse_changes
from sagan_tf.experiments import results, suites
from sagan_tf.runs import run_directory
from tests.commands.driver import Command, check_mistakes

ROOT = pathlib.Path(__file__).parents[2]
SCRIPT = str(ROOT / "train" / "experiment.py")
MODULE = "sagan_tf.commands.experiment"


@pytest.fixture(scope="module")
def few_garments(tmp_path_factory):
    """An IDX directory of 60 images of noise."""
    directory = tmp_path_factory.mktemp("garments")
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (60, 28, 28), np.uint8)
    labels = (np.arange(60) % 10).astype(np.uint8)
    for name, array, header in (
        ("train-images-idx3-ubyte.gz", images, struct.pack(">IIII", 2051, 60, 28, 28)),
        ("train-labels-idx1-ubyte.gz", labels, struct.pack(">II", 2049, 60)),
    ):
        (directory / name).write_bytes(gzip.compress(header + array.tobytes()))
    return directory


def changes_of(images):
    """Settings of a run of 2 steps on 2 images each, of the narrowest networks."""
    return [f"dataset=idx:{images}", "base_channels=1", "train_steps=2", "global_batch_size=2"]


def flags_of(suite, images, out):
    """Flags of `experiment` for runs with these settings."""
    changes = ",".join(changes_of(images))
    return [f"--suite={suite}", "--seeds=1", f"--set={changes}", "--num_samples=50", f"--out={out}"]


def check_results(suite, out, images_a_step):
    """Every arm has its scores in the CSV file and its line in the table; there is a figure.

    Args:
        suite: its name.
        out: directory of the results.
        images_a_step: {arm: real images in each step}.
    """
    with open(out / f"{suite}.csv") as file:
        rows = list(csv.DictReader(file))
    assert list(dict.fromkeys(row["arm"] for row in rows)) == list(images_a_step)
    metrics = {"fid", "is", "accuracy", "precision", "recall", "density", "coverage"}
    for arm, images in images_a_step.items():
        here = [row for row in rows if row["arm"] == arm]
        assert {row["metric"] for row in here} == metrics
        fid = [row for row in here if row["metric"] == "fid"]
        assert [int(row["step"]) for row in fid] == [1, 2]
        assert [int(row["images_seen"]) for row in fid] == [images, 2 * images]
        assert all(row["samples"] == "50" and float(row["value"]) > 0 for row in fid)
    table = (out / f"{suite}.md").read_text()
    assert [f"| {arm} | 1 |" in table for arm in images_a_step] == [True] * len(images_a_step)
    with Image.open(out / f"{suite}_fid.png") as picture:
        pixels = np.asarray(picture.convert("RGB")).astype(int)
    assert (np.ptp(pixels, axis=-1) > 60).sum() > 100, "the figure has coloured lines"


SLOTS = {  # what each arm has in its attention slot: 64 and 32 of 128 are 16 and 8 of 32 pixels
    "sagan_no_attention": (None, "self_attention"),
    "sagan_feat32": (8, "self_attention"),
    "sagan_feat64": (16, "self_attention"),
    "residual_feat32": (8, "residual"),
    "residual_feat64": (16, "residual"),
}
STABILIZATION = {  # spectral norm in G, and the learning rate of D by that of G
    "sagan_sn_d_only": (False, 1),
    "sagan_no_ttur": (True, 1),
    "sagan_no_attention": (True, 4),
}


@pytest.fixture(scope="module")
def out(few_garments, tmp_path_factory):
    """The results of two suites whose commands share a process each and run eagerly."""
    out = tmp_path_factory.mktemp("experiments")
    environment = {**os.environ, "SAGAN_TF_CACHE": str(out / "cache")}
    with contextlib.ExitStack() as stack, pytest.MonkeyPatch.context() as patch:
        commands = {
            f"sagan_tf.commands.{name}": stack.enter_context(
                Command(f"sagan_tf.commands.{name}", eager=True, env=environment)
            )
            for name in ("train", "evaluate")
        }

        def call(command):
            _, _, module, *flags = command
            code, _, error = commands[module].run(flags)
            assert not code, error
            return 0

        patch.setattr(suites, "_call", call)
        for suite in ("attention", "stabilization"):
            arms = suites.arms(suite, "demo", 1, str(out), parse_changes(changes_of(few_garments)))
            failures = suites.run(arms, num_samples=50)
            results.write(results.collect(arms), suite, "demo", failures, str(out))
    return out


def test_the_attention_suite_runs(out):
    check_results("attention", out, dict.fromkeys(SLOTS, 2))
    for arm, slot in SLOTS.items():
        config = run_directory.load(run_of(arm, out)).config
        assert (config.attention_resolution, config.attention_block) == slot
        logged = (run_of(arm, out) / "metrics.jsonl").read_text()
        assert ("gamma/generator/attention" in logged) == arm.startswith("sagan_feat")


def test_the_stabilization_suite_runs(out):
    check_results("stabilization", out, dict.fromkeys(STABILIZATION, 2))
    for arm, (norm_in_generator, ratio) in STABILIZATION.items():
        config = run_directory.load(run_of(arm, out)).config
        assert config.generator_spectral_norm == norm_in_generator
        rates = config.discriminator_learning_rate, config.generator_learning_rate
        assert rates[0] == pytest.approx(ratio * rates[1])


def run_of(arm, out):
    return out / "runs" / arm / "seed_0"


def test_the_comparison_suite_runs_in_processes_and_takes_over_an_arm(few_garments, out):
    result = subprocess.run(
        [sys.executable, SCRIPT, *flags_of("comparison", few_garments, out)],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
        env={**os.environ, "SAGAN_TF_CACHE": str(out / "cache")},
    )
    assert result.returncode == 0, result.stderr
    assert "[1/2] sngan_projection_128, seed 0: evaluate" in result.stderr
    assert "[2/2] sagan_feat64, seed 0: done before" in result.stderr
    check_results("comparison", out, {"sngan_projection_128": 2 * 5, "sagan_feat64": 2})
    assert "| 18.65 | 52.52 |" in (out / "comparison.md").read_text()


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
    out = tmp_path / "out"
    check_mistakes(MODULE, {(*flags, f"--out={out}"): text for flags, text in MISTAKES.items()})
    assert not out.exists()
