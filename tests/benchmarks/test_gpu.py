"""benchmarks/gpu: an exported training step, run by JAX, is TensorFlow's training step."""

import json
import os
import pathlib
import sys

import numpy as np
import pytest
import tensorflow as tf

from sagan_tf import sampling
from sagan_tf.models import factory

pytest.importorskip("jax", reason="no jax here: benchmarks/gpu/requirements.txt says where it is")
from jaxlib import _jax
from jaxlib.mlir.dialects import stablehlo as dialect

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "benchmarks" / "gpu"))
import export_step
import exported
import run_step

# Two libraries add up in different orders.
TOLERANCE = 1e-3


@pytest.fixture(scope="module")
def same_draws():
    """Latents and labels that XLA and TensorFlow's kernels draw alike, other ones each time.

    XLA's random numbers are not those of the kernels. With these an exported step can be compared
    with one that XLA has not seen.
    """

    def fold_in(seed, *numbers):
        return seed + sum(tf.cast(number, tf.int32) for number in numbers)

    def training_inputs(seed, batch_size, latent_dim, num_classes):
        first = seed[0] % 97
        latents = tf.sin(tf.cast(first + tf.range(batch_size * latent_dim), tf.float32))
        labels = (first + tf.range(batch_size)) % num_classes
        return 1.4 * tf.reshape(latents, (batch_size, latent_dim)), labels

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sampling, "fold_in", fold_in)
        patch.setattr(sampling, "training_inputs", training_inputs)
        yield


@pytest.fixture(scope="module")
def model(tiny_config, same_draws):
    return factory.build_model(tiny_config)


@pytest.fixture(scope="module")
def export(model, tiny_config):
    return export_step.export_step(model, tiny_config)


@pytest.fixture(scope="module")
def step(export):
    return run_step.Step(export)


def test_two_steps_are_two_of_tensorflows(model, step):
    inputs = step.export.manifest["inputs"]
    numbers = {entry["name"]: exported.draw(inputs, index) for index, entry in enumerate(inputs)}
    variables = {part.name: part.variable for part in export_step.state(model)}
    for name in variables.keys() & numbers.keys():
        variables[name].assign(numbers[name])
    plain_step = tf.function(model.train_step)  # TensorFlow's own kernels
    outputs = step.export.manifest["outputs"]
    for _ in range(2):
        metrics = plain_step((numbers["images"], numbers["labels"]))
        step()
        wanted = [
            metrics[entry["name"].removeprefix("returned/")].numpy()
            if entry["replaces"] is None
            else variables[entry["name"]].numpy()
            for entry in outputs
        ]
        got = [np.asarray(array) for array in step.results().values()]
        difference, name, _ = exported.largest_difference(outputs, got, wanted)
        assert difference < TOLERANCE, name
    assert variables["step"].numpy() == step.results()["step"] == 2
    for name in ("generator/block1/conv1/kernel", "discriminator/block1/conv1/kernel"):
        assert np.abs(variables[name].numpy() - numbers[name]).max() > 1e-5


def test_only_data_and_learning_rates_are_not_fed_back(step):
    fed_back = {entry["replaces"] for entry in step.export.manifest["outputs"]}
    constant = {
        entry["name"]
        for index, entry in enumerate(step.export.manifest["inputs"])
        if index not in fed_back
    }
    rates = {"generator_learning_rate", "discriminator_learning_rate"}
    assert constant == {"images", "labels", *rates}


def test_figures_and_the_difference_from_the_cpu(step, monkeypatch):
    figures = run_step.measure(step, 2)
    assert figures["largest_relative_difference"] < TOLERANCE
    assert figures["slowest"] <= figures["images_per_second"] <= figures["fastest"]
    assert figures["steps"] == 2 and figures["peak_memory_mb"] > 0
    json.dumps(figures)

    wrong = [array.copy() for array in step.export.expected]
    index = [entry["name"] for entry in step.export.manifest["outputs"]].index("generator/dense/u")
    wrong[index][0] += 0.5
    step.restart()
    step()
    monkeypatch.setattr(step, "export", step.export._replace(expected=wrong))
    difference, name, _ = step.difference()
    assert difference > 0.1 and name == "generator/dense/u"
    monkeypatch.setattr(step, "export", step.export._replace(expected=None))
    assert step.difference() == (None, None, None)


def test_the_program_is_plain_stablehlo_as_plugins_take_it(export):
    artifact = _jax.mlir.serialize_portable_artifact(export.program, dialect.get_current_version())
    assert b"StableHLO" in artifact[:64]
    assert "mhlo.copy" not in export.program and "loc(" not in export.program


def test_a_folder_is_read_as_it_was_written(export, tmp_path):
    exported.write(tmp_path / "step", export)
    read = exported.read(tmp_path / "step")
    assert read.manifest == json.loads(json.dumps(export.manifest))
    assert read.program == export.program
    for array, wanted in zip(read.expected, export.expected):
        np.testing.assert_array_equal(array, wanted)
    assert [entry.name for entry in os.scandir(tmp_path)] == ["step"]
    exported.write(tmp_path / "unchecked", export._replace(expected=None))
    assert exported.read(tmp_path / "unchecked").expected is None


def test_a_value_far_from_its_kind_shows_and_rounding_of_zero_does_not():
    outputs = [{"name": "momentum/kernel"}, {"name": "momentum/bias"}, {"name": "u"}]
    expected = [np.array([1.0, -2.0]), np.array([1e-9]), np.array([4.0])]
    got = [np.array([1.0, -2.0]), np.array([-1e-9]), np.array([5.0])]
    assert exported.largest_difference(outputs, got, expected)[:2] == (0.25, "u")
    got[2] = np.array([np.nan])
    assert exported.largest_difference(outputs, got, expected)[1] == "u"
    got[2] = expected[2]
    assert exported.largest_difference(outputs, got, expected)[0] == pytest.approx(1e-6)


@pytest.fixture
def torch():
    """PyTorch with one thread: several wait for each other where tests run side by side."""
    torch = pytest.importorskip("torch", reason="torch needs Python 3.10")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield torch
    torch.set_num_threads(threads)


def test_pytorchs_step(torch):
    import torch_step

    sizes = ("--resolution=16", "--base_channels=8", "--num_classes=3", "--batch_size=2")
    arguments = torch_step.parse([*sizes, "--attention_resolution=8", "--steps=1"])
    step = torch_step.Step(arguments)
    networks = (step.generator, step.discriminator, step.average)
    before = [[p.detach().clone() for p in network.parameters()] for network in networks]
    step()
    for network, weights in zip(networks, before):
        moved = [not torch.equal(p, old) for p, old in zip(network.parameters(), weights)]
        assert np.mean(moved) > 0.5
        assert all(torch.isfinite(p).all() for p in network.parameters())
    figures = torch_step.measure(arguments)
    assert figures["gflop_per_step"] > 0 and figures["images_per_second"] > 0
