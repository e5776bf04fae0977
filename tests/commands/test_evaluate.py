"""`train/evaluate.py` as a user calls it."""

import json
import os
import pathlib
import subprocess
import sys

import pytest

from sagan_tf import config
from sagan_tf.models import factory
from sagan_tf.runs import run_directory
from sagan_tf.runs.checkpoints import Checkpoints
from tests.commands.driver import check_mistakes

ROOT = str(pathlib.Path(__file__).parents[2])
SCRIPT = os.path.join(ROOT, "train", "evaluate.py")
MODULE = "sagan_tf.commands.evaluate"


def evaluate(*flags, cache="", **environment):
    command = [sys.executable, SCRIPT, f"--cache_dir={cache}", *flags]
    environment = {**os.environ, "SAGAN_TF_CACHE": "/nowhere", **environment}
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory):
    """A run of the default data whose generator is still untrained."""
    settings = config.get("fashion_mnist_32").replace(base_channels=8, attention_resolution=None)
    run = run_directory.start(str(tmp_path_factory.mktemp("runs") / "run"), settings)
    Checkpoints(factory.build_model(settings), run.checkpoints).save()
    return run.path


def test_scores_a_run(run_dir, tmp_path):
    flags = (f"--run_dir={run_dir}", "--metrics=fid,accuracy", "--num_samples=100")
    result = evaluate(*flags, "--num_real=500", cache=tmp_path)
    assert result.returncode == 0, result.stderr
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert [line["metric"] for line in lines] == ["sanity_fid", "fid", "accuracy"]
    assert lines[1]["value"] > 20 * lines[0]["value"]
    assert (lines[1]["feature_network"], lines[1]["comparable"]) == ("garments", "no")
    for text in ("only 100 images", "do not compare with published", "FID (garments, 100 images):"):
        assert result.stderr.count(text) == 1
    assert len(os.listdir(tmp_path)) == 1
    with open(os.path.join(run_dir, "evaluation.jsonl")) as file:
        assert [json.loads(line) for line in file] == lines[1:]


MISTAKES = {
    (): "target=None is not allowed; target must be one of --run_dir",
    ("--run_dir=/none",): "run_dir=/none is not a run",
    ("--images=/a",): "images='/a' is not allowed; images must be two folders",
    ("--images=/a,/b",): "there is no folder /a",
    ("--export_dir=/none",): "export_dir='/none' is no directory",
    ("--run_dir=RUN", "--dataset=bundled"): "dataset='bundled' is not allowed",
    ("--run_dir=RUN", "--watch", "--checkpoint=1"): "checkpoint='1' is not allowed",
    ("--run_dir=RUN", "--standing_batches=3"): "standing_batches=3 is not allowed",
    ("--run_dir=RUN", "--label_shares=none"): "label_shares='none' is not allowed",
    ("--export_dir=/none", "--noema"): "ema=False is not allowed; ema must be left out with",
    ("--export_dir=/none", "--batch_norm=batch"): "batch_norm='batch' is not allowed",
    ("--export_dir=/none", "--checkpoint=1"): "checkpoint='1' is not allowed",
    ("--images=/a,/b", "--truncation=0.5"): "truncation=0.5 is not allowed",
    ("--run_dir=RUN", "--metrics=fidd"): "metrics='fidd' is not allowed",
    ("--run_dir=RUN", "--checkpoint=9"): "there is: 0",
    ("--run_dir=RUN", "--batch_norm=eval"): "batch_norm='eval' is not allowed",
    ("--run_dir=RUN", "--num_samples=many"): "num_samples",
    ("--run_dir=RUN", "--feature_network=inception", "--inception_path=/x.pb"): (
        "inception_path='/x.pb' does not exist; fetch https://"
    ),
}


def test_mistakes_are_one_line_and_exit_code_2(run_dir):
    mistakes = {
        tuple(flag.replace("RUN", run_dir) for flag in flags): message
        for flags, message in MISTAKES.items()
    }
    check_mistakes(MODULE, mistakes)
