import json
import os
import pathlib

import numpy as np
import pytest
from PIL import Image

import sagan_tf
from sagan_tf.data.arrays import ArraySource
from sagan_tf.errors import ConfigError, RunDirectoryError
from sagan_tf.evaluation import scoring
from sagan_tf.evaluation.settings import EvaluationConfig, SamplingConfig
from sagan_tf.models import factory
from sagan_tf.runs import best, run_directory
from sagan_tf.runs.checkpoints import Checkpoints
from sagan_tf.runs.scores import FILE_NAME, config_sha256, read
from tests.evaluation.blobs import blobs


@pytest.fixture(autouse=True)
def blobs_and_pixels(monkeypatch, pixel_network):
    """Every data set is blobs, every feature network pixels."""
    source = ArraySource(*blobs(100), None)
    monkeypatch.setattr(scoring.sources, "open_source", lambda config, data_dir: source)
    monkeypatch.setattr(EvaluationConfig, "_network", lambda self, dataset: pixel_network)


SETTINGS = EvaluationConfig(metrics=("fid",), num_samples=20, batch_size=10)


@pytest.fixture
def run(tiny_config, tmp_path):
    """A run of 2 steps with checkpoints of both."""
    small = {"attention_resolution": None, "generator_spectral_norm": False}
    config = tiny_config.replace(train_steps=2, discriminator_spectral_norm=False, **small)
    run = run_directory.start(str(tmp_path / "run"), config)
    model = factory.build_model(run.config)
    checkpoints = Checkpoints(model, run.checkpoints)
    for step in (1, 2):
        train_to(model, step)
        checkpoints.save()
    return run


def train_to(model, step):
    """Stands for training: other weights, and the step."""
    model.step.assign(step)
    model.generator.to_image.bias.assign_add([0.2])
    model.ema_generator.to_image.bias.assign_add([0.1])


def score(run, **kwargs):
    real_vs_real, *scores = scoring.score_run(run.path, SETTINGS, **kwargs)
    assert real_vs_real["metric"] == "sanity_fid"
    return scores


def test_a_checkpoint_that_training_removes_meanwhile_is_passed_over(run):
    found = scoring.score_run(run.path, SETTINGS, checkpoint="all")
    assert next(found)["metric"] == "sanity_fid"
    for path in pathlib.Path(run.checkpoints).glob("step-1.*"):
        path.unlink()
    with pytest.warns(UserWarning, match="step 1 is not scored: training removed it"):
        assert [record["step"] for record in found] == [2]


def test_latest_all_or_one_step_are_scored_and_recorded(run):
    scores = score(run) + score(run, checkpoint="all") + score(run, checkpoint="1")
    assert [record["step"] for record in scores] == [2, 1, 2, 1]
    assert scores[0] == scores[2] != scores[1] == scores[3]
    assert scores[0]["subject"] == run.path
    assert scores[0]["config_sha256"] == config_sha256(run.config)
    with open(run.join(FILE_NAME)) as file:
        assert [json.loads(line) for line in file] == scores


def test_a_copied_run_without_tensorflows_list_of_checkpoints_is_scored(run):
    scores = score(run, checkpoint="all")
    os.remove(os.path.join(run.checkpoints, "checkpoint"))
    assert score(run, checkpoint="all") == scores
    assert score(run) == scores[1:]


def test_raw_and_averaged_weights_differ_and_are_said(run):
    (averaged,) = score(run)
    settings = EvaluationConfig(("fid",), 20, batch_size=10, sampling=SamplingConfig(ema=False))
    raw = list(scoring.score_run(run.path, settings))[1]
    assert (averaged["ema"], raw["ema"]) == (True, False)
    assert averaged["value"] != raw["value"]


def test_the_best_checkpoint_is_kept_and_loads(run, tiny_config):
    scores = {record["step"]: record["value"] for record in score(run, checkpoint="all")}
    lowest = min(scores, key=scores.get)
    assert best.read(run.path)["step"] == lowest
    loaded = sagan_tf.load(run.join(best.DIRECTORY))
    assert int(loaded.step) == lowest
    expected = sagan_tf.load(run.path, lowest)
    for a, b in zip(loaded.get_weights(), expected.get_weights()):
        np.testing.assert_array_equal(a, b)
    (record,) = score(run, checkpoint="best")
    assert (record["step"], record["value"]) == (lowest, scores[lowest])


def test_only_a_lower_fid_of_equal_settings_replaces_the_best(run):
    model = factory.build_model(run.config)

    def keep(step, value, settings="a"):
        model.step.assign(step)
        record = {"metric": "fid", "value": value, "settings_sha256": settings, "step": step}
        return best.keep_if_best(run, model, [{"metric": "kid", "value": 0.0}, record])

    assert keep(10, 5.0)
    assert not keep(20, 5.0)
    assert keep(30, 4.0)
    assert keep(40, 9.0, settings="b")
    assert best.read(run.path)["step"] == 40
    assert int(sagan_tf.load(run.join(best.DIRECTORY)).step) == 40
    assert not best.keep_if_best(run, model, [{"metric": "kid", "value": 0.0}])


def test_scoring_in_training(run):
    scorer = scoring.RunScorer(run, SETTINGS)
    model = sagan_tf.load(run.path, 1)
    (first,) = scorer.score(model, 1)
    train_to(model, 2)
    (second,) = scorer.score(model, 2)
    assert [first, second] == score(run, checkpoint="all")


def test_watch_scores_what_is_new_until_the_run_is_finished(run, monkeypatch):
    run = run_directory.RunDirectory(run.path, run.config.replace(train_steps=3))
    with open(run.join("config.json"), "w") as file:
        file.write(run.config.to_json())
    score(run, checkpoint="1")

    def train_on(seconds):
        model = sagan_tf.load(run.path)
        train_to(model, 3)
        Checkpoints(model, run.checkpoints).save()

    monkeypatch.setattr(scoring.time, "sleep", train_on)
    assert [record["step"] for record in score(run, checkpoint="watch")] == [2, 3]
    assert score(run, checkpoint="watch") == []


@pytest.mark.parametrize("names", [("fid",), ("intra_fid",)])
def test_watch_knows_its_scores_of_unbalanced_data(run, monkeypatch, names):
    labels = np.repeat([0, 1, 2], (70, 10, 20))
    source = ArraySource(blobs(100)[0], labels, None)
    monkeypatch.setattr(scoring.sources, "open_source", lambda config, data_dir: source)
    settings = EvaluationConfig(metrics=names, num_samples=20, batch_size=10)
    first = list(scoring.score_run(run.path, settings, checkpoint="all"))[1:]
    assert [record["step"] for record in first] == [1, 2]
    assert list(scoring.score_run(run.path, settings, checkpoint="watch"))[1:] == []


def test_damaged_records_do_not_keep_a_run_from_being_scored(run):
    (first,) = score(run, checkpoint="1")
    with open(run.join(FILE_NAME), "a") as file:
        file.write('\n{"step": 2, "settings_sha')
    with open(os.path.join(run.join(best.DIRECTORY), "best.json"), "w") as file:
        file.write('{"metric": "f')
    with pytest.warns(UserWarning, match="is not a whole record"):
        (second,) = score(run, checkpoint="watch")
        assert read(run.join(FILE_NAME)) == [first, second]
        assert best.read(run.path) == second


@pytest.mark.parametrize("text", ['["a", "b', "{}", "[1]", ""])
def test_damaged_class_names_are_one_line(run, text):
    with open(run.join("class_names.json"), "w") as file:
        file.write(text)
    with pytest.raises(RunDirectoryError, match=r"class_names\.json is damaged: it must be"):
        sagan_tf.load(run.path)


def test_one_folder_against_another(tmp_path):
    for name, seed in (("real", 0), ("generated", 1)):
        (tmp_path / name).mkdir()
        for i, image in enumerate(blobs(30, seed)[0]):
            Image.fromarray(image.squeeze()).save(tmp_path / name / f"{i}.png")
    folders = str(tmp_path / "real"), str(tmp_path / "generated")
    found = list(scoring.score_folders(*folders, EvaluationConfig(metrics=("fid", "prdc"))))
    assert [record["metric"] for record in found][:2] == ["sanity_fid", "fid"]
    assert found[1]["samples"] == 30
    assert found[1]["real"] == {"dataset": f"folder:{folders[0]}", "num_images": 30}
    same = list(scoring.score_folders(folders[0], folders[0], EvaluationConfig(metrics=("fid",))))
    assert same[1]["value"] == pytest.approx(0.0, abs=1e-8) != found[1]["value"]


def test_missing_runs_and_checkpoints_are_refused(run, tmp_path, tiny_config):
    with pytest.raises(RunDirectoryError, match="is not a run"):
        next(scoring.score_run(str(tmp_path / "none"), SETTINGS))
    with pytest.raises(ConfigError, match="checkpoint='7' is not allowed; .* there is: 1, 2"):
        next(scoring.score_run(run.path, SETTINGS, "7"))
    with pytest.raises(RunDirectoryError, match="no best checkpoint"):
        next(scoring.score_run(run.path, SETTINGS, "best"))
    empty = run_directory.start(str(tmp_path / "empty"), tiny_config)
    with pytest.raises(RunDirectoryError, match="has no checkpoint yet"):
        next(scoring.score_run(empty.path, SETTINGS))
