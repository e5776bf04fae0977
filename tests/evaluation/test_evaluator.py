import dataclasses
import json

import numpy as np
import pytest
import tensorflow as tf

from sagan_tf import hashing
from sagan_tf.data.arrays import ArraySource
from sagan_tf.errors import ConfigError, EvaluationError
from sagan_tf.evaluation import (
    frechet_distance,
    inception_score,
    intra_class_frechet_distance,
    kernel_distance,
    metrics,
)
from sagan_tf.evaluation.evaluator import Evaluator
from sagan_tf.evaluation.existing_images import SourceImages
from sagan_tf.evaluation.features import FeatureNetwork
from sagan_tf.evaluation.generated import GeneratedImages, _SampledImages
from sagan_tf.evaluation.settings import EvaluationConfig, SamplingConfig
from tests.evaluation.blobs import blobs, pixels

PROVENANCE = {
    "metric", "value", "spread", "title", "samples", "real", "resolution", "channels",
    "preprocessing", "feature_network", "feature_network_sha256", "comparable", "protocol",
    "batch_size", "warnings", "versions", "settings_sha256", "step", "ema", "seed", "truncation",
    "batch_norm",
}  # fmt: skip


def image_set(config, images, labels=None, has_labels=True):
    labels = np.zeros(len(images)) if labels is None else labels
    return SourceImages(ArraySource(images, labels, None, has_labels), config)


def by_metric(result):
    return {record["metric"]: record for record in result}


def test_scores_are_those_of_the_functions(tiny_config, real_images, pixel_network):
    fake, labels = blobs(200, seed=1)
    names = [name for name in metrics.REGISTRY if name != "accuracy"]
    evaluator = Evaluator(real_images, pixel_network, names, num_samples=200)
    found = by_metric(evaluator.score(image_set(tiny_config, fake, labels)))
    real_features = pixels(blobs(300)[0].astype("float32"))["features"].numpy()
    outputs = {name: t.numpy() for name, t in pixels(fake.astype("float32")).items()}
    expected = frechet_distance(real_features, outputs["features"])
    assert found["fid"]["value"] == pytest.approx(expected, rel=1e-6)
    score = inception_score(outputs["logits"])
    assert (found["is"]["value"], found["is"]["spread"]) == pytest.approx(score, rel=1e-6)
    assert found["is"]["protocol"] == {"splits": 10, "seed": 2020}
    assert found["kid"]["protocol"]["subset_size"] == 200
    assert found["kid"]["value"] == pytest.approx(0.0, abs=0.01)
    assert 0.5 < found["precision"]["value"] <= 1.0
    assert found["coverage"]["protocol"] == {"k": 5}
    assert found["intra_fid"]["value"] > found["fid"]["value"]


def test_a_new_metric_needs_a_line_of_the_registry_only(
    tiny_config, real_images, pixel_network, monkeypatch
):
    def measure(real, fake):
        shift = np.abs(real.kept("features").mean() - fake.kept("features").mean())
        return [metrics.Measurement("shift", shift, protocol={"norm": 1})]

    metric = metrics.Metric("shift", measure, keeps=("features",), titles={"shift": "Shift"})
    monkeypatch.setitem(metrics.REGISTRY, "shift", metric)
    evaluator = Evaluator(real_images, pixel_network, ["shift"], num_samples=100)
    (record,) = evaluator.score(image_set(tiny_config, blobs(100, seed=1)[0]))
    assert (record["metric"], record["title"]) == ("shift", "Shift (pixels, 100 images)")
    assert 0.0 < record["value"] < 0.1
    assert record["protocol"] == {"norm": 1}


def test_kid_compares_with_a_part_of_the_real_images(tiny_config, real_images, pixel_network):
    fake = image_set(tiny_config, blobs(100, seed=1)[0])
    (record,) = Evaluator(real_images, pixel_network, ["kid"], num_samples=100).score(fake)
    kept = Evaluator(real_images, pixel_network, ["kid"], num_samples=100).real_statistics
    assert kept.kept("features").shape == (100, 16)
    features = pixels(blobs(100, seed=1)[0].astype("float32"))["features"].numpy()
    with pytest.warns(UserWarning, match="hold 100 images"):
        expected = kernel_distance(kept.kept("features"), features)
    assert record["value"] == pytest.approx(expected.value, rel=1e-6)


def test_fid_alone_keeps_no_features(real_images, pixel_network):
    statistics = Evaluator(real_images, pixel_network, ["fid"], num_samples=100).real_statistics
    with pytest.raises(KeyError):
        statistics.kept("features")


def test_a_record_has_its_whole_provenance(tiny_model, real_images, pixel_network):
    evaluator = Evaluator(real_images, pixel_network, ["fid"], num_samples=40)
    (record,) = evaluator.score(
        GeneratedImages(tiny_model.generator, SamplingConfig(seed=3)), step=7
    )
    assert set(record) == PROVENANCE
    assert json.loads(json.dumps(record)) == record
    assert (record["step"], record["seed"], record["samples"]) == (7, 3, 40)
    assert record["real"]["num_images"] == 300
    assert record["warnings"][0].startswith("only 40 images")


def test_singular_covariances_are_said(tiny_config, real_images, pixel_network):
    fake = image_set(tiny_config, blobs(10, seed=1)[0])
    (record,) = Evaluator(real_images, pixel_network, ["fid"], num_samples=10).score(fake)
    assert any("singular, of rank 9 of 16" in note for note in record["warnings"])


def test_the_fid_of_real_against_real_is_near_zero(real_images, pixel_network, tiny_config):
    evaluator = Evaluator(real_images, pixel_network, ["fid"], num_samples=300)
    noise = np.random.default_rng(0).integers(0, 256, (300, 16, 16, 1), np.uint8)
    (record,) = evaluator.score(image_set(tiny_config, noise))
    real_vs_real = evaluator.real_vs_real_fid()
    assert real_vs_real["samples"] == 150
    assert real_vs_real["value"] < 0.02 * record["value"]


def test_real_statistics_come_from_the_cache(real_images, pixel_network, tmp_path):
    first = Evaluator(real_images, pixel_network, cache_dir=str(tmp_path))
    real_vs_real = first.real_vs_real_fid()["value"]
    broken = FeatureNetwork(lambda images: 1 / 0, "pixels", "a" * 64, "averages", 1, 16)
    assert (
        Evaluator(real_images, broken, cache_dir=str(tmp_path)).real_vs_real_fid()["value"]
        == real_vs_real
    )
    other = FeatureNetwork(pixels, "pixels", "b" * 64, "averages", 1, 16)
    Evaluator(real_images, other, cache_dir=str(tmp_path)).real_vs_real_fid()
    Evaluator(real_images, pixel_network, num_real=200, cache_dir=str(tmp_path)).real_vs_real_fid()
    assert len(list(tmp_path.iterdir())) == 3


def test_settings_hash_depends_on_what_scores_depend_on(tiny_config, real_images, pixel_network):
    def sha256(real=real_images, config=SamplingConfig(), **kwargs):  # noqa: B008
        return Evaluator(real, pixel_network, **kwargs).settings_sha256(**config.provenance())

    other_real = image_set(tiny_config, blobs(300, seed=9)[0])
    hashes = [
        sha256(),
        sha256(metric_names=("fid", "kid")),
        sha256(num_samples=9),
        sha256(num_real=9),
        sha256(other_real),
        sha256(config=SamplingConfig(ema=False)),
        sha256(config=SamplingConfig(batch_norm="standing")),
    ]
    assert hashes[0] == hashes[1]
    assert len(set(hashes[1:])) == 6


def test_wrong_images_metrics_and_numbers_are_refused(tiny_config, real_images, pixel_network):
    with pytest.raises(ConfigError, match="metrics='fidd' is not allowed"):
        Evaluator(real_images, pixel_network, ["fidd"])
    with pytest.raises(ConfigError, match="num_real=301 is not allowed"):
        Evaluator(real_images, pixel_network, num_real=301)
    with pytest.raises(ConfigError, match="num_samples=1 is not allowed"):
        Evaluator(real_images, pixel_network, num_samples=1)
    with pytest.raises(EvaluationError, match="accuracy needs the feature network 'garments'"):
        Evaluator(real_images, pixel_network, ["accuracy"])
    unlabeled = image_set(tiny_config, blobs(300)[0], has_labels=False)
    with pytest.raises(EvaluationError, match="intra_fid needs classes, and the real images have"):
        Evaluator(unlabeled, pixel_network, ["intra_fid"])
    evaluator = Evaluator(real_images, pixel_network, ["intra_fid"], num_samples=50)
    small = dataclasses.replace(tiny_config, resolution=32)
    with pytest.raises(EvaluationError, match=r"score are \(32, 32, 1\)"):
        evaluator.score(image_set(small, np.zeros((50, 32, 32, 1), np.uint8)))
    with pytest.raises(EvaluationError, match="intra_fid needs classes"):
        evaluator.score(image_set(tiny_config, blobs(50)[0], has_labels=False))
    with pytest.raises(ConfigError, match="num_samples=50 is not allowed"):
        evaluator.score(image_set(tiny_config, blobs(49)[0]))


def test_inception_score_needs_logits(tiny_config, real_images):
    network = FeatureNetwork(lambda x: pixels(x)["features"], "p", "", "", 1)
    evaluator = Evaluator(real_images, network, ["is"], num_samples=20)
    with pytest.raises(EvaluationError, match="needs a feature network with logits"):
        evaluator.score(image_set(tiny_config, blobs(20)[0]))


def test_features_that_are_not_finite_are_refused(real_images):
    network = FeatureNetwork(lambda x: pixels(x)["features"] / 0.0, "p", "", "", 1)
    with pytest.raises(EvaluationError, match="features of real images hold NaN"):
        Evaluator(real_images, network).real_vs_real_fid()


def test_default_network_and_metrics(real_images):
    with pytest.raises(EvaluationError, match="32x32 pixels, not of 16x16"):
        EvaluationConfig().evaluator(real_images, "bundled", True)
    with pytest.raises(EvaluationError, match=r"graph\.pb' does not exist; fetch https"):
        EvaluationConfig(inception_path="graph.pb").evaluator(real_images, "bundled", True)


def garments_of_a_kind(counts):
    """Images of three classes of different brightness, so many of each, and their labels."""
    labels = np.repeat(np.arange(3), counts)
    return blobs(len(labels))[0] // 4 + 60 * labels[:, None, None, None].astype(np.uint8), labels


class PerfectGenerator(_SampledImages):
    """Real images of the class asked for, passed off as generated ones."""

    def __init__(self, images, labels, config, label_counts):
        super().__init__(config, 4, 3)
        self.follow(label_counts)
        self.image_shape = images.shape[1:]
        self._images = tf.constant(images)  # class by class
        self._sizes = np.bincount(labels)

    def images(self, latents, labels):
        """An image of each class, chosen by the latent."""
        sizes = tf.gather(tf.cast(self._sizes, tf.float32), labels)
        chosen = tf.cast(tf.math.floormod(1e4 * tf.abs(latents[:, 0]), sizes), tf.int32)
        starts = tf.gather(tf.cast(np.cumsum(self._sizes) - self._sizes, tf.int32), labels)
        return tf.gather(self._images, starts + chosen)


def score_perfect(config, pixel_network, counts, metric_names, **changes):
    images, labels = garments_of_a_kind(counts)
    evaluator = Evaluator(
        image_set(config, images, labels), pixel_network, metric_names, num_samples=300
    )
    generator = PerfectGenerator(images, labels, SamplingConfig(**changes), evaluator.label_counts)
    return by_metric(evaluator.score(generator)), evaluator, generator


def test_a_perfect_generator_scores_well_on_unbalanced_data(tiny_config, pixel_network):
    (found, *_), (equal, *_) = (
        score_perfect(tiny_config, pixel_network, (250, 5, 45), ["fid"], label_shares=shares)
        for shares in ("data", "equal")
    )
    assert found["fid"]["value"] < 0.05 * equal["fid"]["value"]
    assert found["fid"]["labels"] == "the data's shares" and "labels" not in equal["fid"]
    assert found["fid"]["settings_sha256"] != equal["fid"]["settings_sha256"]


def test_balanced_data_keep_the_settings_hash_of_earlier_versions(tiny_config, pixel_network):
    found, evaluator, _ = score_perfect(tiny_config, pixel_network, (100, 100, 100), ["fid"])
    real = {
        **evaluator.real.provenance,
        "fingerprint": evaluator.real.fingerprint(),
        "image_shape": [16, 16, 1],
        "num_images": 300,
        "network": pixel_network.sha256,
        "preprocessing": pixel_network.preprocessing,
    }
    sampling = {"ema": True, "seed": 0, "truncation": 1.0, "batch_norm": "moving"}
    settings = {"real": real, "samples": 300, "batch_size": 64, **sampling}
    assert found["fid"]["settings_sha256"] == hashing.settings_sha256(settings)
    assert "labels" not in found["fid"]


def test_intra_fid_has_equally_many_of_each_class_and_all_real_images(tiny_config, pixel_network):
    counts = (250, 40, 310)
    names = ["kid", "intra_fid"]
    found, _, generator = score_perfect(tiny_config, pixel_network, counts, names)
    assert [*found] == names
    images, labels = garments_of_a_kind(counts)
    balanced = generator.balanced([0, 1, 2])
    (batch,) = balanced.batches(300, 300)
    np.testing.assert_array_equal(np.bincount(batch[1]), [100, 100, 100])
    real, fake = (
        pixels(np.asarray(x).astype("float32"))["features"].numpy()
        for x in (images, balanced.images(*batch))
    )
    expected = intra_class_frechet_distance(real, labels, fake, batch[1])
    record = found["intra_fid"]
    assert record["value"] == pytest.approx(expected.value, rel=1e-4)
    assert record["protocol"]["per_class"] == pytest.approx(expected.per_class, rel=1e-4)
    assert (record["labels"], record["samples"]) == ("equally many of each class", 300)
    alone, *_ = score_perfect(tiny_config, pixel_network, counts, ["kid"])
    assert alone["kid"]["value"] == found["kid"]["value"], "its real images are as many as before"


def test_intra_fid_needs_two_images_of_each_class(tiny_config, pixel_network):
    images, labels = garments_of_a_kind((100, 100, 100))
    real = image_set(tiny_config, images, labels)
    evaluator = Evaluator(real, pixel_network, ["intra_fid"], num_samples=5)
    generator = PerfectGenerator(images, labels, SamplingConfig(), evaluator.label_counts)
    with pytest.raises(ConfigError, match="num_samples=5 is not allowed.* at least 6"):
        evaluator.score(generator)


def test_shares_are_those_of_all_real_images_and_are_cached(
    tiny_config, pixel_network, tmp_path, monkeypatch
):
    images, labels = garments_of_a_kind((100, 100, 100))
    real = image_set(tiny_config, images, labels)

    def make():
        return Evaluator(real, pixel_network, num_real=50, num_samples=20, cache_dir=str(tmp_path))

    assert make().label_counts == {0: 100, 1: 100, 2: 100}
    monkeypatch.setattr(real, "label_counts", lambda: pytest.fail("not from the cache"))
    assert make().label_counts == {0: 100, 1: 100, 2: 100}
