"""What is plotted of a run and of its export: names, sizes, contents."""

import dataclasses
import io

import numpy as np
import pytest
from PIL import Image

import sagan_tf
from sagan_tf.errors import ConfigError, UserError
from sagan_tf.models import factory
from sagan_tf.visualization import pictures, samplers

OPTIONS = pictures.Options(columns=3, classes=(1, 7))


def image(content):
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))


def frames(content):
    """The frames of an animation, one for each 60 ms: Pillow stores equal neighbours as one."""
    picture = Image.open(io.BytesIO(content))
    for index in range(picture.n_frames):
        picture.seek(index)
        frame = np.asarray(picture.convert("L")).astype(float)
        yield from [frame] * round(picture.info["duration"] / 60)


@pytest.fixture(scope="module")
def run(small_run):
    return samplers.open_sampler(run_dir=small_run)


@pytest.fixture(scope="module")
def export(small_run, tmp_path_factory):
    directory = str(tmp_path_factory.mktemp("exports") / "small")
    sagan_tf.export(small_run, directory)
    return samplers.open_sampler(export_dir=directory)


@pytest.fixture(scope="module")
def unconditional(tiny_config):
    config = tiny_config.replace(num_classes=None, attention_resolution=None)
    return samplers.ModelSampler(factory.build_model(config), None, "it")


def test_a_row_a_class_with_shared_latents(run):
    sheet = image(pictures.plot(run, ["classes"], OPTIONS)["classes.png"])
    grid = sheet[:, -(3 * 66 + 2) :]
    latents = np.tile(sagan_tf.sampling.latents(0, 3, 8).numpy(), (2, 1))
    expected = run.generate(latents, np.repeat([1, 7], 3).astype(np.int32))
    for index, wanted in enumerate(expected):
        top, left = 2 + 66 * (index // 3), 2 + 66 * (index % 3)
        np.testing.assert_array_equal(
            grid[top : top + 64 : 2, left : left + 64 : 2, 0], wanted[..., 0]
        )


def test_truncation_and_interpolations(run):
    plotted = pictures.plot(run, ["truncation", "latents", "class_interpolation"], OPTIONS)
    assert set(plotted) == {
        "truncation.png",
        "latents.png",
        "latents.gif",
        "class_interpolation.png",
        "class_interpolation.gif",
    }
    assert image(plotted["truncation.png"]).shape[0] == 4 * 66 + 2
    for name, stops in (("latents.gif", 3), ("class_interpolation.gif", 2)):
        shown = list(frames(plotted[name]))
        assert len(shown) == 20 * stops
        steps = [np.abs(a - b).mean() for a, b in zip(shown, [*shown[1:], shown[0]])]
        far = np.abs(shown[0] - shown[20]).mean()
        assert max(steps) < 0.5 * far, "it moves in small steps, and closes"


def test_an_export_gives_the_pictures_of_its_run(run, export):
    for kind in ("classes", "truncation", "latents"):
        one, other = (pictures.plot(s, [kind], OPTIONS)[f"{kind}.png"] for s in (run, export))
        assert np.abs(image(one).astype(int) - image(other)).max() <= 2
    with pytest.raises(samplers.NotAvailable, match="takes whole classes only"):
        pictures.plot(export, ["class_interpolation"], OPTIONS)


def test_attention_of_a_run_and_of_its_export(run, export):
    latents = np.random.default_rng(0).standard_normal((2, 8)).astype(np.float32)
    labels = np.array([1, 7], np.int32)
    images, maps, points = run.attention(latents, labels, [(0.5, 0.5), (0.0, 0.99)])
    assert maps.shape == (2, 2, 8, 8) and points == [(8.5 / 16, 8.5 / 16), (0.5 / 16, 15.5 / 16)]
    np.testing.assert_allclose(maps.sum(axis=(2, 3)), 1.0, rtol=1e-5)
    np.testing.assert_array_equal(images, run.generate(latents, labels))
    _, served, points = export.attention(latents, labels, [(0.5, 0.5), (0.0, 0.99)])
    assert served.shape == (2, 2, 32, 32) and points == [(0.625, 0.625), (0.125, 0.875)]
    sheet = image(pictures.plot(export, ["attention"], OPTIONS)["attention.png"])
    assert np.ptp(sheet.astype(int), axis=-1).max() > 100


def test_pictures_that_an_unconditional_model_cannot_give_are_named(unconditional):
    said = []
    plotted = pictures.plot_available(unconditional, pictures.Options(columns=2), said.append)
    assert set(plotted) == {"classes.png", "truncation.png", "latents.png", "latents.gif"}
    assert [line.split(":")[1].strip() for line in said] == [
        "class_interpolation",
        "neighbours",
        "attention",
    ]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"columns": 0}, "columns=0"),
        ({"animation": "mp4"}, "animation='mp4' .* gif, webp"),
        ({"points": ((0.5, 1.0),)}, "fractions in"),
        ({"points": ()}, "1 to 5 points"),
    ],
)
def test_options_that_are_not_allowed(changes, message):
    with pytest.raises(ConfigError, match=message):
        dataclasses.replace(OPTIONS, **changes)


def test_mistakes(run, tmp_path):
    with pytest.raises(ConfigError, match=r"classes=10 .*in \[0, 10\)"):
        pictures.plot(run, ["classes"], pictures.Options(classes=(10,)))
    with pytest.raises(ConfigError, match="pictures='faces'"):
        pictures.plot(run, ["faces"], OPTIONS)
    pictures.write({"a.png": b"1"}, str(tmp_path))
    with pytest.raises(UserError, match="holds a.png already"):
        pictures.write({"b.png": b"2", "a.png": b"2"}, str(tmp_path))
    assert (tmp_path / "a.png").read_bytes() == b"1" and not (tmp_path / "b.png").exists()
    with pytest.raises(ConfigError, match="source=None"):
        samplers.open_sampler()
    with pytest.raises(ConfigError, match="run_dir and export_dir"):
        samplers.open_sampler(run_dir="a", export_dir="b")
