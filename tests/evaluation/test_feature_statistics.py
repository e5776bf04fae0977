import numpy as np
import pytest

from sagan_tf.errors import EvaluationError
from sagan_tf.evaluation import feature_statistics
from sagan_tf.evaluation.feature_statistics import Extractor, FeatureStatistics
from sagan_tf.evaluation.features import FeatureNetwork
from sagan_tf.evaluation.generated import GeneratedImages
from sagan_tf.evaluation.settings import SamplingConfig


def filled(kept=("features", "labels"), keep=None, sizes=(3, 4, 13)):
    features = np.random.default_rng(0).standard_normal((20, 5)).astype(np.float32)
    filled = FeatureStatistics(20, kept, keep)
    for rows in np.split(np.arange(20), np.cumsum(sizes)[:-1]):
        filled.update(features[rows], None, rows)
    return filled, features


def test_moments_and_halves():
    found, features = filled()
    np.testing.assert_allclose(found.moments.covariance, np.cov(features, rowvar=False), rtol=1e-6)
    for half, start in zip(found.halves, (0, 1)):
        np.testing.assert_allclose(half.mean, features[start::2].mean(axis=0), rtol=1e-6)


def test_keeps_what_it_is_asked_to():
    found, features = filled(keep=6)
    rows = found.kept("labels")
    assert len(set(rows)) == 6
    np.testing.assert_array_equal(found.kept("features"), features[rows])
    np.testing.assert_array_equal(filled(keep=6, sizes=(20,))[0].kept("labels"), rows)
    assert filled(kept=("logits",))[0].kept("logits") is None


def test_cache_round_trips_and_is_used(tmp_path):
    found, _ = filled(keep=6)
    directory = str(tmp_path / "cache")
    feature_statistics.cached({"data": 1}, lambda: found, directory)
    copy = feature_statistics.cached({"data": 1}, lambda: pytest.fail("not cached"), directory)
    np.testing.assert_array_equal(copy.moments.covariance, found.moments.covariance)
    np.testing.assert_array_equal(copy.kept("features"), found.kept("features"))
    assert copy.num_images == 20
    assert feature_statistics.cached({"data": 2}, lambda: "computed", None) == "computed"


def test_a_cache_of_something_else_is_refused(tmp_path):
    path = str(tmp_path / "statistics.npz")
    filled()[0].save(path, {"data": 1, "network": "a"})
    with pytest.raises(EvaluationError, match="other statistics: network differ; delete it"):
        FeatureStatistics.load(path, {"data": 1, "network": "b"})
    (tmp_path / "statistics.npz").write_bytes(b"PK\x03\x04 damaged")
    with pytest.raises(EvaluationError, match="not a whole cache"):
        FeatureStatistics.load(path, {"data": 1})


def gather(image_set, network, count, **kwargs):
    parts = zip(*Extractor(network, **kwargs).extract(image_set, count))
    return [np.concatenate(part) for part in parts]


def test_every_image_once_in_order(real_images, pixel_network):
    features, logits, labels = gather(real_images, pixel_network, 300, batch_size=64)
    images = real_images._source.images.astype(np.float32)
    expected = images.reshape(300, 4, 4, 4, 4).mean(axis=(2, 4)).reshape(300, 16) / 255
    np.testing.assert_allclose(features, expected, atol=1e-5)
    np.testing.assert_allclose(logits, 10 * expected[:, :5], atol=1e-4)
    np.testing.assert_array_equal(labels, np.arange(300) % 3)


@pytest.mark.parametrize("mode", ["moving", "standing"])
def test_two_replicas_equal_one(tiny_model, pixel_network, two_replicas, mode):
    config = SamplingConfig(batch_norm=mode, standing_batches=2)
    one = gather(GeneratedImages(tiny_model.generator, config), pixel_network, 22, batch_size=4)
    image_set = GeneratedImages(tiny_model.generator, config, two_replicas)
    two = gather(image_set, pixel_network, 22, batch_size=4, strategy=two_replicas)
    for a, b in zip(one, two):
        np.testing.assert_allclose(a, b, atol=2e-3)  # at most some pixels differ by one


def test_batch_statistics_span_the_devices(tiny_model, pixel_network, two_replicas):
    config = SamplingConfig(batch_norm="batch")
    one = gather(GeneratedImages(tiny_model.generator, config), pixel_network, 16, batch_size=8)
    image_set = GeneratedImages(tiny_model.generator, config, two_replicas)
    two = gather(image_set, pixel_network, 16, batch_size=4, strategy=two_replicas)
    np.testing.assert_allclose(one[0], two[0], atol=2e-3)


def test_real_images_on_two_replicas(real_images, pixel_network, two_replicas):
    one = gather(real_images, pixel_network, 100, batch_size=32)
    two = gather(real_images, pixel_network, 100, batch_size=32, strategy=two_replicas)
    for a, b in zip(one, two):
        np.testing.assert_allclose(a, b, atol=1e-6)


def test_a_network_without_logits(real_images):
    network = FeatureNetwork(lambda images: images[:, :2, :2], "corner", "b", "", channels=1)
    _, logits, _ = next(Extractor(network, batch_size=10).extract(real_images, 10))
    assert logits is None


def test_a_generator_is_traced_once(tiny_model, pixel_network):
    image_set = GeneratedImages(tiny_model.generator, SamplingConfig())
    traces = []
    network = FeatureNetwork(
        lambda images: traces.append(1) or pixel_network.function(images), "p", "", "", channels=1
    )
    extractor = Extractor(network, batch_size=4)
    first = np.concatenate([part[0] for part in extractor.extract(image_set, 8)])
    for variable in tiny_model.generator.trainable_variables:
        variable.assign(1.5 * variable)
    image_set.update(tiny_model.generator)
    second = np.concatenate([part[0] for part in extractor.extract(image_set, 8)])
    assert len(traces) == 1
    assert np.any(first != second)
