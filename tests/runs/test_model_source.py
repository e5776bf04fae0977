import json
import os

import numpy as np
import pytest

import sagan_tf
from sagan_tf.errors import ConfigError, ExportError, RunDirectoryError
from sagan_tf.runs import best, checkpoints, model_source, pretrained, run_directory, scores
from sagan_tf.runs.checkpoints import Checkpoints
from tests.serving.conftest import make_model


@pytest.fixture(scope="module")
def run(tiny_config, tmp_path_factory):
    """A run with checkpoints of steps 10 and 20, scores of both, and 10 as the best."""
    run = run_directory.start(tmp_path_factory.mktemp("runs") / "run", tiny_config)
    run.write_class_names(["shirt", "shoe", "bag"])
    model = make_model(tiny_config)
    checkpoints = Checkpoints(model, run.checkpoints)
    for step, fid in ((10, 3.0), (20, 5.0)):
        model.step.assign(step)
        checkpoints.save()
        score = {"metric": "fid", "title": "FID", "value": fid, "step": step}
        score["settings_sha256"] = "same"
        scores.append(run.join(scores.FILE_NAME), [score])
        best.keep_if_best(run, model, [score])
    return run


@pytest.mark.parametrize(
    ("checkpoint", "step", "fid"),
    [("latest", 20, 5.0), ("best", 10, 3.0), ("10", 10, 3.0), (20, 20, 5.0)],
)
def test_checkpoints_of_a_run(run, tiny_config, checkpoint, step, fid):
    found = model_source.find(run.path, checkpoint)
    assert int(found.model.step.numpy()) == step
    assert [score["value"] for score in found.scores] == [fid]
    assert found.model.class_names == ("shirt", "shoe", "bag")
    assert found.config == json.loads(tiny_config.to_json()) | {
        "generator_channel_multipliers": None
    }
    weights = make_model(tiny_config).ema_generator.dense.kernel
    np.testing.assert_array_equal(found.model.ema_generator.dense.kernel, weights)


@pytest.mark.parametrize("checkpoint", ["newest", "1e3", ""])
def test_what_is_no_checkpoint_is_refused(run, checkpoint):
    with pytest.raises(ConfigError, match=r"checkpoint=.* 'latest', 'best' or a step"):
        model_source.find(run.path, checkpoint)


def test_a_missing_step_is_refused_with_those_there_are(run):
    with pytest.raises(RunDirectoryError, match="step=15 .* there are: 10, 20"):
        model_source.find(run.path, 15)


def test_a_run_without_scores_has_no_best(tiny_config, tmp_path):
    run = run_directory.start(tmp_path / "run", tiny_config)
    with pytest.raises(ExportError, match="checkpoint='best': none of the checkpoints"):
        model_source.find(run.path, "best")


def test_a_directory_without_a_run_is_refused(tmp_path):
    with pytest.raises(RunDirectoryError, match="is not a run"):
        model_source.find(os.fspath(tmp_path), "latest")


def test_a_loaded_model_keeps_its_scores_until_it_trains(run):
    model = checkpoints.load(run.path, 10)
    found = model_source.find(model, "latest")
    assert [score["value"] for score in found.scores] == [3.0]
    assert found.config == model_source.find(run.path, 10).config
    model.step.assign_add(1)
    found = model_source.find(model, "latest")
    assert found.scores == () and "dataset" not in found.config


def test_a_pretrained_model_keeps_its_scores():
    found = model_source.find(sagan_tf.load_pretrained("fashion_mnist_32"), "latest")
    wanted = pretrained.load_source("fashion_mnist_32")
    assert (found.config, found.scores) == (wanted.config, wanted.scores)
    assert [score["metric"] for score in found.scores if score["value"]]
