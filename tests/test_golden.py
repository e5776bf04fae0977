"""What earlier code wrote still loads, draws and trains on the same (golden/make.py made it).

Runs, exports and pretrained weights cross between the stacks, so each stack reads both stacks'
files. A `.keras` file does not cross: each stack reads its own, and says so of the other's. Seeds
are compared with what the same stack made of them.
"""

import json
import os
import pathlib
import shutil
import zipfile

import keras
import numpy as np
import pytest

import sagan_tf
from sagan_tf import pretrained
from sagan_tf.config import FIELDS, ExperimentConfig
from sagan_tf.keras_compat import IS_KERAS_3, optimizer_state
from sagan_tf.models import factory
from sagan_tf.models.sagan import METRICS
from sagan_tf.runs import model_source, run_directory
from sagan_tf.runs.checkpoints import Checkpoints
from sagan_tf.training import loop
from tests.golden import make

GOLDEN = pathlib.Path(__file__).parent / "data" / "golden"
OWN, OTHER = ("keras3", "keras2") if IS_KERAS_3 else ("keras2", "keras3")
CLASS_NAMES = ("bag", "coat", "dress")


@pytest.fixture(scope="module", params=["keras3", "keras2"])
def files(request):
    """The folder that one stack wrote."""
    return GOLDEN / request.param


@pytest.fixture(scope="module")
def run_model(files):
    """The model of the run, at its last step; not to be trained."""
    return sagan_tf.load(files / "run")


def check_images(images, files, name):
    expected = arrays(files / "images.npz")[name]
    assert images.dtype == np.uint8 and np.std(expected) > 5
    np.testing.assert_allclose(images.astype(int), expected.astype(int), atol=1)


def check_weights(ours, expected, learning_rate, steps):
    """Compares weights by path, as tests/models/test_sagan.py does."""
    assert ours.keys() == expected.keys()
    for path, value in expected.items():
        # Before batch norm a bias has a gradient of 0 but for rounding, which Adam scales up.
        is_noise = path.endswith("bias") and "block" in path and "discriminator" not in path
        atol = 2 * steps * learning_rate if is_noise else 5e-5
        np.testing.assert_allclose(ours[path], value, rtol=1e-3, atol=atol, err_msg=path)


def arrays(path):
    with np.load(path) as file:
        return dict(file)


def moments(model):
    """Adam's state of both networks, by name."""
    return {
        f"{network}/{name}": variable.numpy()
        for network in ("generator", "discriminator")
        for name, variable in optimizer_state(
            getattr(model, f"{network}_optimizer"), getattr(model, network)
        ).items()
    }


def test_the_run_loads_and_draws_the_same(files, run_model):
    check_images(run_model.generate(make.LABELS, seed=make.SEED), files, "run")
    assert int(run_model.step.numpy()) == 4
    assert run_model.class_names == CLASS_NAMES


def test_its_configuration_and_logs_are_read(files):
    """The settings of that day load, `remat` with them; scores are found by their step."""
    assert json.loads((files / "run" / "config.json").read_text())["remat"] is True
    config, expected = run_directory.load(files / "run").config, make.run_config()
    for name in set(FIELDS) - {"remat"}:
        assert getattr(config, name) == getattr(expected, name), name
    source = model_source.find(files / "run", "latest")
    assert [score["metric"] for score in source.scores] == ["fid"]
    lines = (files / "run" / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [1, 2, 3, 4]


def test_the_loop_resumes_the_run_and_comes_to_the_same_end(
    files, run_model, tmp_path, monkeypatch
):
    """Without its last checkpoint a copy goes on from step 2, on the same images, to step 4."""
    make.write_images(tmp_path)
    shutil.copytree(files / "run", tmp_path / "run")
    monkeypatch.chdir(tmp_path)
    os.remove("run/checkpoints/step-4.data-00000-of-00001")
    before = json.loads(pathlib.Path("run/metrics.jsonl").read_text().splitlines()[2])
    config = run_directory.load("run").config.replace(eval_every=None)
    resumed = loop.train(config, "run")
    assert Checkpoints(resumed, "run/checkpoints").steps() == [2, 4]
    check_weights(make.weights(resumed), make.weights(run_model), config.generator_learning_rate, 2)
    check_weights(moments(resumed), moments(run_model), config.generator_learning_rate, 2)
    after = json.loads(pathlib.Path("run/metrics.jsonl").read_text().splitlines()[2])
    assert before["step"] == after["step"] == 3
    for name in METRICS:
        assert after[name] == pytest.approx(before[name], rel=1e-3, abs=1e-4), name


def test_the_pretrained_weights_load_and_draw_the_same(files):
    directory = str(files / "pretrained")
    card = json.loads((files / "pretrained" / "golden.json").read_text())
    assert card["config"]["remat"] is True  # a setting of that day only
    model = pretrained.load("golden", directory)
    check_images(model.generate(make.LABELS, seed=make.SEED), files, "pretrained")
    assert model.class_names == CLASS_NAMES and int(model.step.numpy()) == 4
    assert pretrained.load_source("golden", directory).scores[0]["metric"] == "fid"


def test_the_export_loads_and_draws_the_same(files, tmp_path):
    shutil.unpack_archive(files / "export.zip", tmp_path)
    known = json.loads((tmp_path / "1" / "assets.extra" / "sagan.json").read_text())["config"]
    assert known["remat"] is True and ExperimentConfig.from_saved(known).resolution == 16
    by_latent, by_seed = make.served(tmp_path / "1")
    check_images(by_latent, files, "export_default")
    check_images(by_seed, files, "export_generate")
    check_images(by_latent, files, "keras")  # the export was made from that model


def test_the_keras_file_loads_draws_the_same_and_trains_on():
    with zipfile.ZipFile(GOLDEN / OWN / "model.keras") as file:
        assert b'"remat": true' in file.read("config.json")  # a setting of that day only
    model = keras.saving.load_model(GOLDEN / OWN / "model.keras")
    check_images(model.generate(make.LABELS, seed=make.SEED), GOLDEN / OWN, "keras")
    assert int(model.step.numpy()) == 2 and model.class_names == CLASS_NAMES
    iterations = model.generator_optimizer.iterations, model.discriminator_optimizer.iterations
    assert [int(iteration.numpy()) for iteration in iterations] == [2, 2]
    make.train(model, 1)
    assert int(model.step.numpy()) == 3 and int(model.first_nonfinite_step.numpy()) == -1


def test_the_other_stacks_keras_file_is_refused_with_advice():
    with pytest.raises(sagan_tf.StackError, match=r"was saved by Keras .*sagan_tf.load\(run_dir\)"):
        keras.saving.load_model(GOLDEN / OTHER / "model.keras")


@pytest.mark.parametrize("name", make.CHANGES)
def test_the_same_seed_trains_the_same_weights(name):
    config = make.config(**make.CHANGES[name])
    model = factory.build_model(config)
    make.train(model, make.STEPS)
    file = arrays(GOLDEN / OWN / "five_steps.npz")
    expected = {
        f"{network}/{path}": file[f"{name}/{network}"][path]
        for network in make.NETWORKS
        for path in file[f"{name}/{network}"].dtype.names
    }
    check_weights(make.weights(model), expected, config.generator_learning_rate, make.STEPS)
