import hashlib

import numpy as np
import pytest
import tensorflow as tf

from sagan_tf import hashing
from sagan_tf.errors import EvaluationError
from sagan_tf.evaluation import inception
from tests.evaluation import inception_graph


@pytest.fixture(scope="module")
def graph_path(tmp_path_factory):
    path = tmp_path_factory.mktemp("inception") / inception.GRAPH_FILE
    path.write_bytes(inception_graph.graph_def().SerializeToString())
    return str(path)


@pytest.fixture(scope="module")
def saved_model_path(tmp_path_factory):
    path = str(tmp_path_factory.mktemp("tfgan") / "1")
    tf.saved_model.save(inception_graph.TFGANInception(), path)
    return path


def images(count=5, channels=3):
    return np.random.default_rng(1).integers(0, 256, (count, 33, 20, channels), np.uint8)


def sha256(path):
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def test_graph_features_are_those_of_the_definition(graph_path):
    network = inception.load(graph_path, sha256(graph_path))
    features, logits = inception_graph.expected(images())
    found = network(images())
    np.testing.assert_allclose(found.features, features, atol=1e-4)
    np.testing.assert_allclose(found.logits, logits, atol=1e-3)


def test_graph_with_scaled_batch_norms(tmp_path):
    path = tmp_path / "graph.pb"
    path.write_bytes(inception_graph.graph_def(True).SerializeToString())
    found = inception.load(str(path), sha256(path))(images())
    np.testing.assert_allclose(
        found.features, inception_graph.expected(images(), True)[0], atol=1e-4
    )


def test_graph_runs_inside_a_function_and_repeats_gray(graph_path):
    network = inception.load(graph_path, sha256(graph_path))
    gray = images(channels=1)
    found = tf.function(network)(gray).features
    np.testing.assert_allclose(
        found, inception_graph.expected(np.repeat(gray, 3, -1))[0], atol=1e-4
    )


def test_only_the_published_hash_is_comparable(graph_path):
    with pytest.raises(EvaluationError, match=f"not {inception.GRAPH_SHA256}"):
        inception.load(graph_path)
    network = inception.load(graph_path, sha256(graph_path))
    assert (network.comparable, network.sha256) == ("unverified", sha256(graph_path))


def test_a_graph_without_the_tensors_is_refused(tmp_path):
    path = tmp_path / "graph.pb"
    path.write_bytes(tf.Graph().as_graph_def().SerializeToString())
    with pytest.raises(EvaluationError, match="is not the Inception graph"):
        inception.load(str(path), sha256(path))
    path.write_bytes(b"no protocol buffer")
    with pytest.raises(EvaluationError, match="is not the Inception graph"):
        inception.load(str(path), sha256(path))


def test_saved_model_equals_the_graph(graph_path, saved_model_path):
    network = inception.load(saved_model_path, hashing.directory_sha256(saved_model_path))
    graph = inception.load(graph_path, sha256(graph_path))
    for ours, theirs in zip(network(images()), graph(images())):
        np.testing.assert_allclose(ours, theirs, atol=1e-4)
    assert network.comparable == "unverified"


def test_saved_model_needs_its_hash(saved_model_path):
    actual = hashing.directory_sha256(saved_model_path)
    with pytest.raises(EvaluationError, match=f"pass --inception_sha256={actual}"):
        inception.load(saved_model_path)
    with pytest.raises(EvaluationError, match="it is another file"):
        inception.load(saved_model_path, "0" * 64)


def test_the_cache_is_used(graph_path, tmp_path, monkeypatch):
    monkeypatch.setenv("SAGAN_TF_CACHE", str(tmp_path))
    monkeypatch.setattr(inception, "GRAPH_SHA256", sha256(graph_path))
    inception.download(
        str(tmp_path / inception.GRAPH_FILE), "file://" + graph_path, sha256(graph_path)
    )
    network = inception.load()
    assert network.comparable == "yes"
    assert network(images()).features.shape == (5, inception_graph.FEATURES)


def test_a_wrong_download_leaves_nothing(graph_path, tmp_path):
    with pytest.raises(EvaluationError, match="it is another file"):
        inception.download(str(tmp_path / "cache" / "graph.pb"), "file://" + graph_path)
    assert list(tmp_path.iterdir()) == []


def test_offline_it_says_what_to_fetch_and_where_to_put_it(tmp_path):
    target = str(tmp_path / "graph.pb")
    with pytest.raises(EvaluationError) as error:
        inception.download(target, f"file://{tmp_path}/nothing")
    message = str(error.value)
    assert all(s in message for s in (inception.GRAPH_URL, inception.GRAPH_SHA256, target))
    assert "\n" not in message
    with pytest.raises(EvaluationError, match="does not exist; fetch https"):
        inception.load(target)
