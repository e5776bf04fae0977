import numpy as np

from sagan_tf.data.arrays import ArraySource
from sagan_tf.evaluation.existing_images import SourceImages
from sagan_tf.evaluation.features import FeatureNetwork
from sagan_tf.visualization import neighbours

NETWORK = FeatureNetwork(lambda images: images, "pixels", "a" * 64, "none", channels=1)


def test_the_nearest_images_are_found_once_each_and_in_order(tiny_config):
    images = np.random.default_rng(0).integers(0, 256, (23, 16, 16, 1), np.uint8)
    real = SourceImages(ArraySource(images, np.zeros(23), None), tiny_config)
    queries = images[[7, 22]] // 2 + 60
    found, distances = neighbours.nearest(NETWORK, queries, real, 5, batch_size=10)
    flat = images.reshape(23, -1).astype(float)
    for query, neighbour, distance in zip(queries, found, distances):
        expected = np.linalg.norm(flat - query.reshape(1, -1), axis=1)
        order = np.argsort(expected)[:5]
        np.testing.assert_array_equal(neighbour, images[order])
        np.testing.assert_allclose(distance, expected[order])
