import numpy as np
import pytest

from sagan_tf.keras_compat import named_variables
from sagan_tf.models import factory
from sagan_tf.visualization import interpolation

RANDOM = np.random.default_rng(0)


def test_latents_lie_on_the_great_circle():
    first, second = RANDOM.standard_normal((2, 128))
    path = interpolation.between_latents(first, second, np.linspace(0, 1, 9))
    np.testing.assert_allclose(path[0], first, rtol=1e-6)
    np.testing.assert_allclose(path[-1], second, rtol=1e-6)
    lengths = np.linalg.norm(path, axis=1)
    low, high = sorted((np.linalg.norm(first), np.linalg.norm(second)))
    assert lengths.min() > 0.98 * low and lengths.max() < 1.02 * high
    unit = [
        v / np.linalg.norm(v)
        for v in interpolation.between_latents(
            first / np.linalg.norm(first), second / np.linalg.norm(second), np.linspace(0, 1, 5)
        )
    ]
    angles = [np.arccos(a @ b) for a, b in zip(unit, unit[1:])]
    np.testing.assert_allclose(angles, angles[0], rtol=1e-3)


def test_equal_latents_stay_where_they_are():
    latent = RANDOM.standard_normal(8)
    path = interpolation.between_latents(latent, latent, [0.0, 0.5, 1.0])
    np.testing.assert_allclose(path, np.tile(latent, (3, 1)), rtol=1e-6)


@pytest.fixture(scope="module")
def generator(tiny_config):
    """Three classes whose tables differ."""
    generator = factory.build_model(tiny_config).ema_generator
    for path, variable in named_variables(generator).items():
        if "norm" in path and path.endswith(("gamma", "beta")):
            variable.assign(variable + RANDOM.normal(0.0, 0.5, variable.shape))
    return generator


def test_whole_classes_give_equal_images(generator):
    latents = RANDOM.standard_normal((3, 8)).astype(np.float32)
    labels = np.array([2, 0, 1], np.int32)
    mixed = interpolation.with_mixed_classes(generator, np.eye(3)[labels])
    np.testing.assert_allclose(mixed(latents, np.arange(3)), generator(latents, labels), atol=1e-6)


def test_a_mixture_blends_scales_and_offsets(generator):
    mixtures = interpolation.between_classes(0, 2, [0.0, 0.25, 1.0], 3)
    np.testing.assert_allclose(mixtures, [[1, 0, 0], [0.75, 0, 0.25], [0, 0, 1]])
    mixed = interpolation.with_mixed_classes(generator, mixtures)
    for name in ("gamma", "beta"):
        old = getattr(generator.blocks[0].norm1, name).numpy()
        new = getattr(mixed.blocks[0].norm1, name).numpy()
        np.testing.assert_allclose(new[1], 0.75 * old[0] + 0.25 * old[2], rtol=1e-6)
    latents = np.tile(RANDOM.standard_normal((1, 8)).astype(np.float32), (3, 1))
    first, middle, last = mixed(latents, np.arange(3)).numpy()
    whole = np.abs(first - last).mean()
    assert 0 < np.abs(first - middle).mean() < whole
