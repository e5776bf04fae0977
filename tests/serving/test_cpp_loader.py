"""TensorFlow's C++ SavedModel loader, which TensorFlow Serving uses, without Python's TensorFlow.

Both this TensorFlow's and another version's, if there is one (`tests/stacks`).
"""

import json
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from tests.stacks import needs_other_python, other_tensorflow

PROGRAM = pathlib.Path(__file__).with_name("c_loader.py")
LIBRARIES = ("libtensorflow_framework.so.2", "libtensorflow_cc.so.2")
PACKAGES = [
    pytest.param(lambda: os.path.dirname(tf.__file__), id="this_tensorflow"),
    pytest.param(other_tensorflow, id="other_tensorflow", marks=needs_other_python),
]


def _run(package, export, signature, inputs, tmp_path):
    """The finished process, and the signature's outputs by name (those that are no strings)."""
    content = pathlib.Path(export, "saved_model.pb").read_bytes()
    tensors = saved_model_pb2.SavedModel.FromString(content).meta_graphs[0].signature_def[signature]
    job = {
        "libraries": [os.path.join(package(), library) for library in LIBRARIES],
        "export": export,
        "inputs": {},
        "outputs": {},
    }
    for name, value in inputs.items():
        np.save(tmp_path / f"{name}.npy", value)
        job["inputs"][tensors.inputs[name].name] = str(tmp_path / f"{name}.npy")
    files = {name: tmp_path / f"out_{name}.npy" for name in tensors.outputs}
    for name, file in files.items():
        job["outputs"][tensors.outputs[name].name] = str(file)
    (tmp_path / "job.json").write_text(json.dumps(job))
    done = subprocess.run(
        [sys.executable, str(PROGRAM), str(tmp_path / "job.json")], capture_output=True, text=True
    )
    return done, {name: np.load(file) for name, file in files.items() if file.exists()}


@pytest.mark.parametrize("package", PACKAGES)
def test_it_draws_what_the_live_generator_draws(package, exported, latents, labels, tmp_path):
    inputs = {"latents": latents[:5], "labels": labels[:5]}
    done, outputs = _run(package, exported.path, "serving_default", inputs, tmp_path)
    assert done.returncode == 0, done.stderr
    live = exported.model.ema_generator(latents[:5], labels[:5])
    np.testing.assert_allclose(outputs["images"], live, atol=2e-5)


@pytest.mark.parametrize("package", PACKAGES)
def test_latents_of_seeds_are_the_same_to_the_bit(package, exported, labels, tmp_path):
    inputs = {
        "labels": labels[:3],
        "seed": np.array([-1, 0, 2**40]),
        "truncation": np.array([0.3, 1.0, 0.7], np.float32),
    }
    done, outputs = _run(package, exported.path, "generate", inputs, tmp_path)
    assert done.returncode == 0, done.stderr
    expected = exported("generate", **inputs)
    np.testing.assert_array_equal(outputs["latents"], expected["latents"])
    assert np.abs(outputs["images"].astype(int) - expected["images"]).max() <= 1


@pytest.mark.parametrize("package", PACKAGES)
def test_wrong_widths_are_invalid_arguments(package, exported, latents, labels, tmp_path):
    inputs = {"latents": latents[:5, :6], "labels": labels[:5]}
    done, outputs = _run(package, exported.path, "serving_default", inputs, tmp_path)
    assert done.returncode == 1 and not outputs
    assert "code 3" in done.stderr and "latents" in done.stderr.partition("code 3")[2]
