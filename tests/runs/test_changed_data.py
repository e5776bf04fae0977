"""A run on data that changed or moved since its start: refused by name, warned of, or accepted."""

import io
import json
import os
import pathlib
import shutil

import numpy as np
import pytest
from PIL import Image

from sagan_tf.data import preflight, preparation, sources
from sagan_tf.errors import RunDirectoryError, UserError
from sagan_tf.evaluation.scoring import RunScorer
from sagan_tf.evaluation.settings import EvaluationConfig
from sagan_tf.runs import run_directory
from sagan_tf.training import loop

CLASSES = ("cats", "dogs", "eels")


@pytest.fixture
def config(tiny_config, tmp_path, monkeypatch):
    """Settings of a run on `photos` in the current directory, three classes of four images."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(preflight, "_save_grid", lambda *_: None)  # slow, and of no matter here
    for number, name in enumerate(CLASSES):
        os.makedirs(f"photos/{name}")
        for index in range(4):
            Image.fromarray(np.full((16, 16), 60 * number + index, np.uint8)).save(
                f"photos/{name}/{index}.png"
            )
    return tiny_config.replace(dataset="folder:photos", train_steps=1)


def start(config):
    """The first part of training: opens the data and the run directory `run`."""
    source = sources.open_source(config)
    run = run_directory.check("run", config, source)
    report = preflight.check(source, config, "run")
    run_directory.start("run", config, source)
    run.write_class_names(source.class_names)
    return report


def contents(directory):
    files = [path for path in pathlib.Path(directory).rglob("*") if path.is_file()]
    return {str(path): path.read_bytes() for path in files}


CHANGES = {
    "removed": (lambda: shutil.rmtree("photos/cats"), "'cats' are gone"),
    "renamed": (lambda: os.rename("photos/cats", "photos/kittens"), "'cats' are gone and .*'kit"),
    "renamed in place": (lambda: os.rename("photos/cats", "photos/cat"), "'cats' are .*'cat' are"),
    "added in front": (lambda: shutil.copytree("photos/cats", "photos/ants"), "'ants' are new"),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("earlier_version", [False, True])
def test_other_classes_are_refused_by_name(config, change, earlier_version):
    start(config)
    if earlier_version:
        os.remove("run/class_names.json")
    before = contents("run")
    act, message = CHANGES[change]
    act()
    with pytest.raises(RunDirectoryError, match=f"other classes of folder:photos: .*{message}"):
        loop.train(config, "run")
    assert contents("run") == before


def test_scores_refuse_other_classes_too(config):
    start(config)
    shutil.rmtree("photos/cats")
    with pytest.raises(RunDirectoryError, match="'cats' are gone"):
        RunScorer(run_directory.load("run"), EvaluationConfig(("fid",), num_samples=2))


def test_classes_mean_nothing_without_conditions(config):
    config = config.replace(num_classes=None)
    start(config)
    os.rename("photos/cats", "photos/kittens")
    assert "warning: images have other names" in str(start(config))


def test_added_images_are_a_warning(config):
    start(config)
    shutil.copy("photos/cats/0.png", "photos/cats/9.png")
    assert "warning: 1 images more than at the last check" in str(start(config))


@pytest.mark.parametrize("earlier_version", [False, True])
def test_the_same_folder_by_another_name(config, tmp_path, earlier_version):
    start(config)
    if earlier_version:
        with open("run/data.json") as file:
            values = json.load(file)
        for name in ("sample", "earlier", "warnings"):
            del values[name]
        with open("run/data.json", "w") as file:
            json.dump(values, file)
    for dataset in ("folder:./photos", f"folder:{tmp_path}/photos", "folder:photos/"):
        report = start(config.replace(dataset=dataset))
        assert "warning" not in str(report)
        assert run_directory.load("run").config.dataset == dataset
    os.rename("photos", "pictures")
    moved = config.replace(dataset="folder:pictures")
    preflight.check(sources.open_source(moved), moved, "run")  # as --check_data does
    start(moved)
    start(moved)


def test_another_folder_with_the_same_names_is_refused(config):
    start(config)
    shutil.copytree("photos", "others")
    shutil.copy("others/dogs/0.png", "others/cats/0.png")
    others = config.replace(dataset="folder:others")
    with pytest.raises(RunDirectoryError, match="dataset='folder:photos' .now 'folder:others'"):
        start(others)
    preflight.check(sources.open_source(others), others, "run")
    with pytest.raises(RunDirectoryError, match="dataset='folder:photos' .now 'folder:others'"):
        start(others)
    start(config)


@pytest.mark.parametrize("prepared", [True, False])
def test_records_may_move(config, prepared):
    preparation.prepare(sources.open_source(config), config, "records")
    if not prepared:
        os.remove("records/dataset.json")
        os.remove("records/preparation.json")
    config = config.replace(dataset="tfrecord:records")
    start(config)
    os.rename("records", "moved")
    for dataset in ("tfrecord:moved", "tfrecord:moved/*.tfrecord", "tfrecord:./moved"):
        start(config.replace(dataset=dataset))
    os.makedirs("one")
    shutil.copy(next(os.scandir("moved")).path, "one/a.tfrecord")
    with pytest.raises(UserError):
        start(config.replace(dataset="tfrecord:one"))


def test_a_refused_start_writes_nothing(config):
    """The corrected command starts as if nothing had been."""
    for refused in (config.replace(num_classes=1), config.replace(num_classes=2)):
        with pytest.raises(UserError, match="num_classes"):
            loop.train(refused, "run", stream=io.StringIO())
        assert contents("run") == {}
    loop.train(config, "run", stream=io.StringIO())
    assert run_directory.load("run").config == config
