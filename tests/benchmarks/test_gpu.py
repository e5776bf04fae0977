"""benchmarks/gpu: an exported training step, run by JAX, is TensorFlow's training step."""

import json
import os
import pathlib
import sys

import numpy as np
import pytest
import tensorflow as tf

from sagan_tf.models import recipe

pytest.importorskip("jax", reason="benchmarks/gpu/requirements.txt is for Python 3.11 and on")
FOLDER = pathlib.Path(__file__).parents[2] / "benchmarks" / "gpu"
sys.path.insert(0, str(FOLDER))

import export_step  # noqa: E402 - needs the path
import exported  # noqa: E402
import run_step  # noqa: E402

# Convolutions of two libraries add up in different orders.
TOLERANCE = 1e-4


def close(outputs, values):
    """Fails unless all that a `run_step.Step` returned and left equals `values`, a dict."""
    assert outputs.keys() == values.keys()
    entries = [{"name": name} for name in values]
    arrays = [np.asarray(outputs[name]) for name in values]
    difference, name = exported.largest_difference(entries, arrays, list(values.values()))
    assert difference < TOLERANCE, name


@pytest.fixture(scope="module")
def model(tiny_config):
    return recipe.build(tiny_config)


@pytest.fixture(scope="module")
def export(model, tiny_config):
    return export_step.export_step(model, tiny_config)


def test_two_steps_are_two_of_tensorflows(model, export):
    step = run_step.Step(export)
    inputs = export.manifest["inputs"]
    numbers = {entry["name"]: exported.draw(inputs, index) for index, entry in enumerate(inputs)}
    variables = {part.name: part.variable for part in export_step.state(model)}
    for name in variables.keys() & numbers.keys():
        variables[name].assign(numbers[name])
    plain_step = tf.function(model.train_step)  # TensorFlow's own kernels, without XLA
    updated = [e["name"] for e in export.manifest["outputs"] if e["replaces"] is not None]
    for _ in range(2):
        metrics = plain_step((numbers["images"], numbers["labels"]))
        step()
        values = {f"returned/{name}": metrics[name].numpy() for name in sorted(metrics)}
        close(step.results(), {**values, **{name: variables[name].numpy() for name in updated}})
    assert variables["step"].numpy() == step.results()["step"] == 2
    moved = variables["generator/block1/conv1/kernel"].numpy()
    assert np.abs(moved - numbers["generator/block1/conv1/kernel"]).max() > 1e-5


def test_every_variable_that_training_moves_is_fed_back(model, export):
    fed_back = {e["name"] for e in export.manifest["outputs"] if e["replaces"] is not None}
    for network in (model.generator, model.discriminator):
        assert len([n for n in fed_back if n.startswith(f"{network.name}/")]) > 0
    constant = {"generator_learning_rate", "discriminator_learning_rate"}
    inputs = {entry["name"] for entry in export.manifest["inputs"]}
    assert inputs - fed_back - {"images", "labels"} <= constant


def test_a_folder_is_read_as_it_was_written(export, tmp_path):
    exported.write(tmp_path / "step", export)
    read = exported.read(tmp_path / "step")
    assert read.manifest == json.loads(json.dumps(export.manifest))
    assert read.program == export.program
    for array, wanted in zip(read.expected, export.expected):
        np.testing.assert_array_equal(array, wanted)
    assert [entry.name for entry in os.scandir(tmp_path)] == ["step"]
    unchecked = export._replace(expected=None)
    exported.write(tmp_path / "unchecked", unchecked)
    assert exported.read(tmp_path / "unchecked").expected is None
    assert run_step.measure(unchecked, 1)["largest_relative_difference"] is None
