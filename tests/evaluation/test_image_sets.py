"""Contract of `ImageSet`."""

import numpy as np
import pytest
import tensorflow as tf

from sagan_tf.evaluation.existing_images import FolderImages
from sagan_tf.evaluation.generated import GeneratedImages
from sagan_tf.evaluation.image_sets import ImageSet, RealImages
from sagan_tf.evaluation.settings import SamplingConfig
from tests.evaluation.blobs import blobs


@pytest.fixture(params=["source", "folder", "generator"])
def image_set(request, tmp_path):
    if request.param == "source":
        return request.getfixturevalue("real_images")
    if request.param == "generator":
        generator = request.getfixturevalue("tiny_model").generator
        return GeneratedImages(generator, SamplingConfig())
    for i, image in enumerate(blobs(5)[0]):
        tf.io.write_file(str(tmp_path / f"{i}.png"), tf.io.encode_png(image))
    return FolderImages(str(tmp_path))


def test_batches_are_whole_and_make_images(image_set):
    assert isinstance(image_set, ImageSet)
    batches = list(image_set.batches(5, 4))
    assert len(batches) == 2
    for batch in batches:
        assert all(len(array) == 4 for array in batch)
        images = np.asarray(image_set.images(*map(tf.convert_to_tensor, batch)))
        assert (images.dtype, images.shape) == (np.uint8, (4, *image_set.image_shape))


def test_batches_repeat(image_set):
    for first, second in zip(image_set.batches(5, 4), image_set.batches(5, 4)):
        for a, b in zip(first, second):
            np.testing.assert_array_equal(a, b)


def test_real_images_have_a_size_and_a_fingerprint(image_set):
    if isinstance(image_set, RealImages):
        assert image_set.num_images >= 5
        assert image_set.fingerprint() == image_set.fingerprint()
    else:
        assert image_set.num_images is None


def test_a_set_without_images_is_no_image_set():
    with pytest.raises(TypeError, match="abstract"):
        ImageSet()
