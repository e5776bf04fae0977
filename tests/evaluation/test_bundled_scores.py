"""The scores do what scores are for, on the bundled images with the bundled network."""

import numpy as np
import pytest

from sagan_tf import config
from sagan_tf.data import sources
from sagan_tf.data.arrays import ArraySource
from sagan_tf.evaluation import fashion_classifier
from sagan_tf.evaluation.evaluator import Evaluator
from sagan_tf.evaluation.existing_images import SourceImages
from sagan_tf.evaluation.generated import GeneratedImages
from sagan_tf.evaluation.settings import SamplingConfig
from sagan_tf.models import factory

SETTINGS = config.get("fashion_mnist_32")


@pytest.fixture(scope="module")
def bundled():
    return sources.open_source(SETTINGS)


@pytest.fixture(scope="module")
def evaluator(bundled):
    """Every fifth image is real; the others can be scored against them."""
    real = ArraySource(bundled.images[::5], bundled.labels[::5], None)
    metrics = ("fid", "kid", "prdc", "accuracy")
    return Evaluator(
        SourceImages(real, SETTINGS),
        fashion_classifier.load(),
        metrics,
        num_samples=1000,
        batch_size=500,
    )


def scores(evaluator, images, labels=None):
    labels = np.zeros(len(images)) if labels is None else labels
    image_set = SourceImages(ArraySource(images, labels, None), SETTINGS)
    return {record["metric"]: record["value"] for record in evaluator.score(image_set)}


@pytest.fixture(scope="module")
def unseen(bundled, evaluator):
    """Scores of real images that the evaluator has not seen."""
    return scores(evaluator, bundled.images[1::10], bundled.labels[1::10])


def test_real_halves_are_near_zero(evaluator, unseen):
    assert evaluator.real_vs_real_fid()["value"] < 5.0
    assert unseen["fid"] < 5.0
    assert unseen["kid"] < 0.05
    assert unseen["accuracy"] > 0.9
    assert min(unseen["precision"], unseen["recall"], unseen["coverage"]) > 0.7


def test_noise_is_far_away(evaluator, unseen):
    noise = np.random.default_rng(0).integers(0, 256, (1000, 32, 32, 1), np.uint8)
    found = scores(evaluator, noise)
    assert found["fid"] > 50 * unseen["fid"]
    assert found["kid"] > 50 * unseen["kid"]
    assert found["recall"] == 0.0


def test_a_collapsed_generator_is_told_apart(bundled, evaluator, unseen):
    constant = np.repeat(bundled.images[:1], 1000, axis=0)
    found = scores(evaluator, constant)
    assert found["recall"] == 0.0
    assert found["kid"] > 50 * unseen["kid"]
    assert found["fid"] > 50 * unseen["fid"]


def test_fid_falls_over_training(pixel_network):
    settings = SETTINGS.replace(
        resolution=16,
        base_channels=8,
        attention_resolution=None,
        generator_learning_rate=1e-3,
        discriminator_learning_rate=2e-3,
    )
    source = sources.open_source(settings)
    evaluator = Evaluator(SourceImages(source, settings), pixel_network, num_samples=500)
    model = factory.build_model(settings)
    images = GeneratedImages(model.generator, SamplingConfig(batch_norm="batch"))
    (before,) = evaluator.score(images)
    model.fit(source.images[:960], source.labels[:960], batch_size=16, verbose=0)
    images.update(model.generator)
    (after,) = evaluator.score(images)
    assert after["value"] < 0.3 * before["value"]
    assert after["value"] > 10 * evaluator.real_vs_real_fid()["value"]
