import keras
import numpy as np
import pytest
import tensorflow as tf

from sagan_tf import hashing
from sagan_tf.errors import EvaluationError
from sagan_tf.evaluation import features


def images(resolution=8, channels=3):
    shape = (4, resolution, resolution, channels)
    return np.random.default_rng(0).integers(0, 256, shape, np.uint8)


def keras_model(size, channels=3):
    inputs = keras.Input((size, size, channels))
    pooled = keras.layers.GlobalAveragePooling2D()(inputs)
    return keras.Model(inputs, {"features": pooled, "logits": keras.layers.Dense(2)(pooled)})


def test_a_keras_file_sees_pixels_in_one_to_minus_one(tmp_path):
    path = str(tmp_path / "network.keras")
    keras_model(8).save(path)
    network = features.load_network(path)
    found = network(images())
    np.testing.assert_allclose(found.features, (images() / 127.5 - 1).mean((1, 2)), atol=1e-6)
    assert found.logits.shape == (4, 2)
    assert (network.comparable, network.sha256) == ("no", hashing.file_sha256(path))


def test_a_keras_network_of_fixed_size_resizes():
    network = features.keras_network(keras_model(4), "mine", "0")
    assert "resize to 4x4" in network.preprocessing
    np.testing.assert_allclose(
        network(images()).features, (images() / 127.5 - 1).mean((1, 2)), atol=0.1
    )


def test_a_saved_model_by_call_or_signature(tmp_path):
    class Network(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec((None, None, None, 3), tf.float32)])
        def __call__(self, images):
            return tf.reduce_mean(images, (1, 2))

    module = Network()
    called, signed = str(tmp_path / "called"), str(tmp_path / "signed")
    tf.saved_model.save(module, called)
    holder = tf.Module()
    holder.run = module.__call__
    tf.saved_model.save(holder, signed, signatures=module.__call__)
    for path in (called, signed):
        found = tf.function(features.load_network(path))(images())
        np.testing.assert_allclose(found.features, (images() / 127.5 - 1).mean((1, 2)), atol=1e-6)
        assert found.logits is None


def test_a_function_of_the_users_own_is_a_network():
    network = features.FeatureNetwork(lambda x: x[:, :2, :2] / 255, "mine", "0", "corner", 1)
    np.testing.assert_allclose(
        network(images(channels=1)).features, images(channels=1)[:, :2, :2].reshape(4, 4) / 255
    )


def test_wrong_images_are_refused():
    network = features.FeatureNetwork(lambda x: x, "small", "0", "", channels=1, resolution=32)
    network.check_images((32, 32, 1))
    with pytest.raises(EvaluationError, match="32x32 pixels, not of 64x64"):
        network.check_images((64, 64, 1))
    with pytest.raises(EvaluationError, match="takes images of 1 channel, not of 3"):
        network.check_images((32, 32, 3))
    features.FeatureNetwork(lambda x: x, "large", "0", "").check_images((64, 64, 1))


def test_what_does_not_load_is_named(tmp_path):
    with pytest.raises(EvaluationError, match="does not exist; it must be inception, garments"):
        features.load_network(str(tmp_path / "none.keras"))
    (tmp_path / "bad.keras").write_text("no model")
    with pytest.raises(EvaluationError, match="is no Keras model"):
        features.load_network(str(tmp_path / "bad.keras"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(EvaluationError, match="is no SavedModel"):
        features.load_network(str(tmp_path / "empty"))


def test_directory_hash_depends_on_names_and_contents(tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "file").write_text("a")
    first = hashing.directory_sha256(str(tmp_path))
    assert hashing.directory_sha256(str(tmp_path)) == first
    (tmp_path / "sub" / "file").write_text("b")
    second = hashing.directory_sha256(str(tmp_path))
    (tmp_path / "sub" / "file").rename(tmp_path / "file")
    assert len({first, second, hashing.directory_sha256(str(tmp_path))}) == 3
