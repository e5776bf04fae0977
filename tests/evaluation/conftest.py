import pytest

from sagan_tf.data.arrays import ArraySource
from sagan_tf.evaluation.existing_images import SourceImages
from sagan_tf.evaluation.features import FeatureNetwork
from tests.evaluation.blobs import blobs, pixels


@pytest.fixture
def pixel_network():
    """A feature network for gray 16x16 images that takes no time."""
    return FeatureNetwork(pixels, "pixels", "a" * 64, "averages", channels=1, resolution=16)


@pytest.fixture
def real_images(tiny_config):
    """300 blobs as an image set."""
    return SourceImages(ArraySource(*blobs(300), None), tiny_config)
