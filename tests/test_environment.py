"""Environments of other projects: other backends of Keras and Matplotlib, other layouts."""

import json
import os
import pathlib
import subprocess
import sys

import pytest

from sagan_tf.keras_compat import IS_KERAS_3
from tests.commands.one_process import run_all

ROOT = str(pathlib.Path(__file__).parents[1])
NAMES = ("train", "evaluate", "sample", "export", "prepare_data", "experiment", "client")
SCRIPT = """
import os
import numpy as np
import sagan_tf
from sagan_tf.evaluation import fashion_classifier

model = sagan_tf.SAGAN(
    sagan_tf.Generator(16, 3, 4, 8, channels=1), sagan_tf.Discriminator(16, 3, 4, 8, channels=1)
)
model.compile()
images = np.random.default_rng(0).integers(0, 256, (4, 16, 16, 1), np.uint8)
model.fit(images, np.array([0, 1, 2, 0]), batch_size=4, verbose=0)
assert model.generate([0, 1]).shape == (2, 16, 16, 1)
scored = fashion_classifier.load()(np.zeros((2, 32, 32, 1), np.uint8))
print(scored.features.shape, scored.logits.numpy().argmax(1).tolist(), os.environ["MPLBACKEND"])
"""


def python(script, **environment):
    return subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": ROOT, "TF_CPP_MIN_LOG_LEVEL": "3", **environment},
        check=False,
    )


@pytest.mark.parametrize("backend", ["torch", "jax"])
def test_a_script_works_with_other_backends_and_layouts(tmp_path, backend):
    (tmp_path / "keras.json").write_text(
        json.dumps({"backend": backend, "image_data_format": "channels_first"})
    )
    others = {"KERAS_HOME": str(tmp_path), "KERAS_BACKEND": backend, "MPLBACKEND": "nonsense"}
    found = python(SCRIPT, **others)
    assert found.returncode == 0, found.stderr
    assert "MPLBACKEND=nonsense is unknown to Matplotlib and ignored" in found.stderr
    expected = python(SCRIPT, MPLBACKEND="agg", KERAS_HOME=str(tmp_path / "none"))
    assert found.stdout.replace("nonsense", "agg") == expected.stdout != ""


def test_every_command_shows_its_help_with_other_backends():
    lines = [(name, "--help") for name in NAMES]
    for line, (code, out, _) in zip(lines, run_all(lines, KERAS_BACKEND="jax", MPLBACKEND="no")):
        assert code == 0 and "flags:" in out, line


@pytest.mark.skipif(not IS_KERAS_3, reason="Keras 2 has no other backend")
def test_keras_on_another_backend_is_named():
    found = python("import keras, sagan_tf", KERAS_BACKEND="jax")
    assert found.returncode == 1
    *_, line = found.stderr.strip().splitlines()
    assert "StackError: Keras runs on the backend 'jax', and sagan_tf needs TensorFlow" in line


def test_a_run_needs_no_legacy_keras(tmp_path):
    """`TF_USE_LEGACY_KERAS=1` makes `tf.keras` an error where the package tf-keras is missing."""
    flags = ("--base_channels=2", "--latent_dim=8", "--global_batch_size=4", "--eval_every=none")
    line = ("train", "--train_steps=1", *flags, f"--run_dir={tmp_path}/run")
    ((code, _, error),) = run_all([line], tmp_path, TF_USE_LEGACY_KERAS="1")
    assert code is None, error
    assert (tmp_path / "run" / "checkpoints" / "step-1.index").exists()


NUMPY_BEHAVIOUR = """
import tensorflow as tf

tf.experimental.numpy.experimental_enable_numpy_behavior(dtype_conversion_mode={mode!r})
import sagan_tf

networks = sagan_tf.Generator(16, 3, 4, 8, seed=0), sagan_tf.Discriminator(16, 3, 4, 8, seed=0)
model = sagan_tf.SAGAN(*networks)
try:
    model.compile()
except sagan_tf.StackError as error:
    print(error)
    raise SystemExit
metrics = model.train_step((tf.zeros((2, 16, 16, 3), tf.uint8), tf.constant([0, 1])))
assert model.generate([0, 2], seed=1).shape == (2, 16, 16, 3)
print("trained" if float(metrics["discriminator_loss"]) > 0 else metrics)
"""


def test_numpy_behaviour_of_tensorflow_works_or_is_one_line():
    for mode, expected in (
        ("legacy", "trained"),
        ("all", "pass dtype_conversion_mode='legacy' to"),
    ):
        found = python(NUMPY_BEHAVIOUR.format(mode=mode))
        assert found.returncode == 0, found.stderr
        assert expected in found.stdout and found.stdout.count("\n") == 1
