import numpy as np
import pytest

from sagan_tf.evaluation.extraction import Extractor
from sagan_tf.evaluation.features import FeatureNetwork
from sagan_tf.evaluation.generated import GeneratedImages, SamplingConfig


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
