"""The script of the README runs, with fewer channels and a small run."""

import pathlib
import re

import keras
import numpy as np

README = pathlib.Path(__file__).parents[2] / "README.md"
IMAGES = 64  # the batch size of the script


def test_the_script_of_the_readme_runs(small_run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    [script] = re.findall(r"^```python\n(.*?)^```", README.read_text(), re.MULTILINE | re.DOTALL)
    assert script.count("base_channels=32") == 1 and "runs/fashion_mnist_32" in script
    script = script.replace("base_channels=32", "base_channels=4")
    script = script.replace("runs/fashion_mnist_32", small_run)
    random = np.random.default_rng(0)
    variables = {
        "images": random.integers(0, 256, (IMAGES, 32, 32, 1), np.uint8),
        "labels": random.integers(0, 10, IMAGES).astype(np.int32),
        "latents": random.normal(size=(IMAGES, 8)).astype(np.float32),
    }
    again = dict(variables)
    for run in (variables, again):
        exec(compile(script, README.name, "exec"), run)
    pictures, maps = variables["pictures"], variables["maps"]
    np.testing.assert_array_equal(again["pictures"], pictures)  # it repeats
    assert pictures.shape == (3, 32, 32, 1) and pictures.dtype == np.uint8
    assert maps.shape == (IMAGES, 16, 16, 8, 8)
    np.testing.assert_allclose(np.sum(maps, (-2, -1)), 1.0, rtol=1e-4)
    saved = keras.saving.load_model(tmp_path / "sagan.keras")
    np.testing.assert_array_equal(saved.generate(labels=[0, 1, 2], seed=7), pictures)
