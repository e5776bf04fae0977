import json
import pathlib
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

import sagan_tf
from sagan_tf.errors import ConfigError, UserError
from sagan_tf.evaluation import fashion_classifier
from sagan_tf.runs import pretrained
from sagan_tf.visualization import pictures, samplers


@pytest.fixture(scope="module")
def packed(small_run, tmp_path_factory):
    """A directory with one generator, and its card."""
    directory = str(tmp_path_factory.mktemp("pretrained"))
    return directory, pretrained.save(small_run, "small", directory, "latest")


def test_a_packed_generator_draws_what_its_run_draws(packed, small_run):
    directory, card = packed
    model = pretrained.load("small", directory)
    labels = np.arange(20) % 10
    drawn, expected = (m.generate(labels=labels) for m in (model, sagan_tf.load(small_run)))
    assert np.abs(drawn.astype(int) - expected).max() <= 2 and card["largest_difference"] <= 2
    assert np.std(expected) > 0
    assert model.class_names[9] == "Ankle boot" and int(model.step.numpy()) == card["step"] == 4
    raw = model.generator(sagan_tf.sampling.latents(0, 20, 8), labels.astype(np.int32))
    np.testing.assert_array_equal(sagan_tf.sampling.to_uint8(raw), drawn)


def test_it_can_be_exported(packed, tmp_path):
    path = sagan_tf.export(pretrained.load("small", packed[0]), str(tmp_path))
    with open(f"{path}/assets.extra/sagan.json") as file:
        card = json.load(file)
    assert card["step"] == 4 and card["class_names"][1] == "Trouser"


def test_damage_and_unknown_names_are_noticed(packed, small_run, tmp_path):
    assert pretrained.names(packed[0]) == ("small",)
    with pytest.raises(ConfigError, match="pretrained='large' .* small"):
        pretrained.load("large", packed[0])
    with pytest.raises(UserError, match="exists and is not overwritten"):
        pretrained.save(small_run, "small", packed[0], "latest")
    for name in ("small.npz", "small.json"):
        content = bytearray(pathlib.Path(packed[0], name).read_bytes())
        if name.endswith("npz"):
            content[len(content) // 2] ^= 1
        (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=r"small.npz has sha256 .*damaged"):
        pretrained.load("small", str(tmp_path))


def test_too_large_for_the_package(small_run, tmp_path, monkeypatch):
    monkeypatch.setattr(pretrained, "LARGEST_FILE", 1000)
    with pytest.raises(UserError, match="at most 1,000 may come with the package"):
        pretrained.save(small_run, "small", str(tmp_path), "latest")
    assert not list(tmp_path.iterdir())


def test_the_command(small_run, tmp_path):
    command = [sys.executable, "-m", "sagan_tf.pretrained", f"--run_dir={small_run}"]
    result = subprocess.run(
        [*command, f"--out={tmp_path}", "--checkpoint=latest"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert {path.name for path in tmp_path.iterdir()} == {"small.npz", "small.json"}
    assert "step 4; not scored" in result.stdout


def test_the_bundled_one_takes_less_than_4_mb():
    sizes = [path.stat().st_size for path in pathlib.Path(pretrained.BUNDLED).iterdir()]
    assert 1_000_000 < sum(sizes) < pretrained.LARGEST_FILE == 4_000_000


def test_the_bundled_one_draws_the_garments_asked_for():
    """A share that noise (0.1) and an untrained generator are far from; 0.91 over 10,000."""
    sampler = samplers.open_sampler(pretrained="fashion_mnist_32")
    labels = np.arange(200, dtype=np.int32) % 10
    images = sampler.generate(sagan_tf.sampling.latents(5, 200, sampler.latent_dim), labels)
    logits = fashion_classifier.load()(tf.constant(images)).logits
    assert np.mean(np.argmax(logits, axis=1) == labels) > 0.8
    assert np.std(images.astype(float), axis=0).mean() > 40  # they differ
    options = pictures.Options(columns=2, classes=(1, 9))
    plotted = pictures.plot(sampler, ["class_interpolation", "attention"], options)
    assert {"class_interpolation.png", "attention.png"} < set(plotted)


def test_it_is_loaded_by_its_public_name():
    model = sagan_tf.load_pretrained("fashion_mnist_32")
    assert model.class_names[9] == "Ankle boot" and int(model.step.numpy()) == 1500
    assert model.generate([0, 9], seed=5).shape == (2, 32, 32, 1)
