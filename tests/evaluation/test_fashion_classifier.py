import json
import os
import shutil

import numpy as np
import pytest

from sagan_tf import config
from sagan_tf.data import sources
from sagan_tf.errors import EvaluationError
from sagan_tf.evaluation import fashion_classifier, train_classifier


@pytest.fixture(scope="module")
def bundled():
    return sources.open_source(config.get("fashion_mnist_32"))


def test_its_accuracy_is_the_one_on_its_card(bundled):
    network = fashion_classifier.load()
    logits = np.concatenate([network(part).logits for part in np.split(bundled.images, 10)])
    accuracy = np.mean(logits.argmax(axis=1) == bundled.labels)
    with open(os.path.join(fashion_classifier.BUNDLED, "garments.json")) as file:
        card = json.load(file)
    assert accuracy == pytest.approx(card["accuracy_on_bundled_images"], abs=2e-4)
    assert accuracy >= 0.91


def test_its_features_are_regular(bundled):
    features = fashion_classifier.load()(bundled.images[:2000]).features.numpy()
    assert features.shape == (2000, 64)
    assert np.linalg.matrix_rank(np.cov(features, rowvar=False)) == 64


def test_it_fits_the_package():
    assert os.path.getsize(os.path.join(fashion_classifier.BUNDLED, "garments.npz")) < 2 * 2**20


def test_damaged_or_missing_weights_are_refused(tmp_path):
    with pytest.raises(EvaluationError, match="not installed"):
        fashion_classifier.load(str(tmp_path))
    for name in os.listdir(fashion_classifier.BUNDLED):
        shutil.copy(os.path.join(fashion_classifier.BUNDLED, name), tmp_path)
    with open(tmp_path / "garments.npz", "ab") as file:
        file.write(b"x")
    with pytest.raises(EvaluationError, match="is damaged"):
        fashion_classifier.load(str(tmp_path))


def test_training_learns_and_saving_round_trips(bundled, tmp_path):
    images, labels = bundled.images[:640], bundled.labels[:640]
    model = train_classifier.train(images, labels, epochs=3)
    assert train_classifier.accuracy(model, images, labels) > 0.3
    fashion_classifier.save(model, str(tmp_path), {"note": "a test"})
    network = fashion_classifier.load(str(tmp_path))
    np.testing.assert_allclose(
        network(images[:50]).logits, model(images[:50].astype("float32"))["logits"], atol=1e-4
    )
