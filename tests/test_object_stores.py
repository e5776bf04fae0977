"""All paths go through `tf.io.gfile`: a whole life on TensorFlow's in-memory file system, `ram://`.

It has no real directories to fall back on: whatever used Python's own files would not find them.
"""

import json
import os

import keras
import numpy as np
import pytest
import tensorflow as tf

import sagan_tf
from sagan_tf.data import pipeline, preflight, preparation, sources
from sagan_tf.evaluation import scoring
from sagan_tf.evaluation.settings import EvaluationConfig
from sagan_tf.training import loop

ROOT = "ram://bucket"


@pytest.fixture(scope="module")
def config(tiny_config):
    return tiny_config.replace(
        dataset=f"folder:{ROOT}/photos",
        train_steps=1,
    )


@pytest.fixture(scope="module")
def photos():
    random = np.random.default_rng(0)
    for number in range(12):
        path = f"{ROOT}/photos/class {number % 3}/{number}.png"
        tf.io.gfile.makedirs(os.path.dirname(path))
        pixels = random.integers(0, 255, (20, 24, 3), np.uint8)
        with tf.io.gfile.GFile(path, "wb") as file:
            file.write(tf.io.encode_png(pixels).numpy())


@pytest.fixture(scope="module")
def run_dir(config, photos):
    """A run on photos there, in a directory there."""
    loop.train(config, f"{ROOT}/run")
    return f"{ROOT}/run"


def test_a_run_is_written_and_loads(run_dir):
    assert {"config.json", "metrics.jsonl", "checkpoints"} <= names(run_dir)
    assert names(f"{run_dir}/samples") == {"step_00000001.png"}
    model = sagan_tf.load(run_dir)
    assert int(model.step.numpy()) == 1 and model.class_names[2] == "class 2"


def test_records_are_prepared_and_read(config, photos):
    preparation.prepare(sources.open_source(config), config, f"{ROOT}/prepared")
    prepared = config.replace(dataset=f"tfrecord:{ROOT}/prepared")
    source = sources.open_source(prepared)
    report = preflight.check(source, prepared, f"{ROOT}/check")
    assert report.histogram == {0: 4, 1: 4, 2: 4} and report.class_names[0] == "class 0"
    images, _ = next(iter(pipeline.training_batches(source, prepared)))
    assert images.shape == (4, 16, 16, 1) and np.std(images) > 10


def test_an_export_is_written_and_loads(run_dir):
    path = sagan_tf.export(run_dir, f"{ROOT}/exports")
    assert path == f"{ROOT}/exports/1"
    assert names(f"{ROOT}/exports") == {"1"}
    loaded = tf.saved_model.load(path)
    images = loaded.signatures["serving_default"](
        latents=tf.zeros((2, 8)), labels=tf.constant([0, 2])
    )["images"]
    assert images.shape == (2, 16, 16, 1)


def test_scores_are_written_there(run_dir, tmp_path):
    network = keras.Sequential([keras.Input((16, 16, 1)), keras.layers.Flatten()])
    network.save(tmp_path / "pixels.keras")
    settings = EvaluationConfig(
        ("fid",), num_samples=12, feature_network=str(tmp_path / "pixels.keras")
    )
    records = list(scoring.score_run(run_dir, settings))
    with tf.io.gfile.GFile(f"{run_dir}/evaluation.jsonl") as file:
        lines = [json.loads(line) for line in file.read().splitlines()]
    assert [line["value"] for line in lines] == [record["value"] for record in records[1:]]
    assert names(f"{run_dir}/best") >= {"best.json", "checkpoints"}


def names(directory):
    return {name.rstrip("/") for name in tf.io.gfile.listdir(directory)}
