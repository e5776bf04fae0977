import json

import numpy as np
import pytest
import tensorflow as tf

from sagan_tf import sampling
from sagan_tf.errors import ConfigError, EvaluationError
from sagan_tf.evaluation.generated import ExportedImages, GeneratedImages, set_standing_statistics
from sagan_tf.evaluation.settings import SamplingConfig, labels_in_shares
from sagan_tf.keras_compat import named_layers, named_variables
from sagan_tf.layers.conditional_batch_norm import MovingMoments


def generate(image_set, count=12, batch_size=4):
    batches = [image_set.images(*batch) for batch in image_set.batches(count, batch_size)]
    return np.concatenate(batches)[:count]


@pytest.fixture
def generator(tiny_model):
    """The raw generator, with moving statistics that are not the initial ones."""
    generator = tiny_model.generator
    latents = 3.0 * sampling.latents(9, 8, generator.latent_dim) + 1.0
    for _ in range(3):
        generator(latents, tf.range(8) % 3, training=True)
    return generator


def test_images_are_those_of_the_generator(generator):
    images = generate(GeneratedImages(generator, SamplingConfig(seed=5, truncation=0.5)))
    latents = sampling.latents(5, 12, generator.latent_dim, truncation=0.5)
    np.testing.assert_array_equal(
        images, sampling.to_uint8(generator(latents, tf.range(12) % 3, training=False))
    )


def test_batch_size_does_not_matter(generator):
    image_set = GeneratedImages(generator, SamplingConfig())
    np.testing.assert_array_equal(generate(image_set, 10, 4), generate(image_set, 10, 10))


@pytest.mark.parametrize("mode", ["moving", "standing", "batch"])
def test_the_generator_is_not_changed_and_sampling_repeats(generator, mode):
    before = generator.get_weights()
    image_set = GeneratedImages(generator, SamplingConfig(batch_norm=mode, standing_batches=2))
    first, second = generate(image_set), generate(image_set)
    np.testing.assert_array_equal(first, second)
    for old, new in zip(before, generator.get_weights()):
        np.testing.assert_array_equal(old, new)


def test_batch_mode_normalizes_by_the_batch(generator):
    image_set = GeneratedImages(generator, SamplingConfig(batch_norm="batch"))
    images = generate(image_set, 8, 8)
    latents = sampling.latents(0, 8, generator.latent_dim)
    expected = sampling.to_uint8(generator(latents, tf.range(8) % 3, training=True))
    np.testing.assert_array_equal(images, expected)
    assert np.any(images != generate(GeneratedImages(generator, SamplingConfig()), 8, 8))


def test_standing_statistics_are_the_mean_over_batches(generator):
    config = SamplingConfig(batch_norm="standing", standing_batches=3, standing_batch_size=16)
    latents = sampling.latents(config.seed + 1, 48, generator.latent_dim)
    first = generator.dense(latents).numpy().reshape(3, -1, generator.dense.units // 16)
    expected = first.mean(axis=1).mean(axis=0), first.var(axis=1).mean(axis=0)
    set_standing_statistics(generator, config)
    # The first normalization sees the dense layer's output, whatever the others do.
    norm = next(layer for _, layer in named_layers(generator) if isinstance(layer, MovingMoments))
    np.testing.assert_allclose(norm.moving_mean, expected[0], atol=1e-5)
    np.testing.assert_allclose(norm.moving_variance, expected[1], rtol=1e-4)


def test_an_averaged_generator_can_use_batch_statistics_too(tiny_model):
    # It starts as a copy, and is not trainable.
    config = SamplingConfig(batch_norm="batch")
    np.testing.assert_array_equal(
        generate(GeneratedImages(tiny_model.ema_generator, config)),
        generate(GeneratedImages(tiny_model.generator, config)),
    )


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("batch_norm", "eval"),
        ("label_shares", "none"),
        ("truncation", 0.0),
        ("truncation", 1.5),
        ("standing_batches", 0),
    ],
)
def test_refuses_what_is_not_allowed(field, value):
    with pytest.raises(ConfigError, match=f"{field}={value!r} is not allowed"):
        SamplingConfig(**{field: value})


def export(generator, path):
    """What `sagan_tf.export` writes, as far as scores need it."""
    module = tf.Module()
    module.generator = generator
    specs = {
        "latents": tf.TensorSpec((None, generator.latent_dim), tf.float32, name="latents"),
        "labels": tf.TensorSpec((None,), tf.int64, name="labels"),
    }

    @tf.function(input_signature=list(specs.values()))
    def generate(latents, labels):
        return {"images": generator(latents, tf.cast(labels, tf.int32), training=False)}

    tf.saved_model.save(module, str(path), signatures=generate)
    (path / "assets.extra").mkdir()
    text = json.dumps({"config": {"num_classes": generator.num_classes}, "step": 5})
    (path / "assets.extra" / "sagan.json").write_text(text)


def test_an_export_generates_what_its_generator_does(tiny_model, tmp_path):
    export(tiny_model.ema_generator, tmp_path / "3")
    (tmp_path / "12.tmp").mkdir()
    config = SamplingConfig(seed=4, truncation=0.7)
    image_set = ExportedImages(str(tmp_path), config)
    expected = generate(GeneratedImages(tiny_model.ema_generator, config), 8).astype(int)
    assert np.abs(generate(image_set, 8).astype(int) - expected).max() <= 1
    assert (image_set.image_shape, image_set.has_labels) == ((16, 16, 1), True)
    assert image_set.provenance["batch_norm"] == "as exported"
    assert image_set.card["step"] == 5


@pytest.mark.parametrize(("name", "value"), [("ema", False), ("batch_norm", "standing")])
def test_settings_that_an_export_cannot_follow_are_refused(tmp_path, name, value):
    with pytest.raises(ConfigError, match=f"{name}={value!r} is not allowed"):
        ExportedImages(str(tmp_path), SamplingConfig(**{name: value}))


def test_what_is_no_export_is_refused(tiny_model, tmp_path):
    with pytest.raises(EvaluationError, match="is no directory"):
        ExportedImages(str(tmp_path / "none"), SamplingConfig())
    with pytest.raises(EvaluationError, match=r"there is no .*sagan\.json"):
        ExportedImages(str(tmp_path), SamplingConfig())
    (tmp_path / "assets.extra").mkdir()
    (tmp_path / "assets.extra" / "sagan.json").write_text("{}")
    with pytest.raises(EvaluationError, match="does not load"):
        ExportedImages(str(tmp_path), SamplingConfig())


def labels_of(image_set, count):
    return np.concatenate([labels for _, labels in image_set.batches(count, count)])


def test_labels_keep_their_shares_from_the_first_image_on():
    weights = np.array([2261, 5, 0, 734])
    labels = labels_in_shares(weights, 3000)
    for count in (1, 10, 100, 3000):
        found = np.bincount(labels[:count], minlength=4)
        assert np.abs(found - weights / weights.sum() * count).max() <= 1
    np.testing.assert_array_equal(np.bincount(labels), weights)
    np.testing.assert_array_equal(labels_in_shares(np.array([7, 7, 7]), 8), np.arange(8) % 3)


def test_generated_labels_follow_the_data_and_the_record_says_so(generator):
    shares = {0: 60, 1: 10, 2: 30}
    image_set = GeneratedImages(generator, SamplingConfig(), label_counts=shares)
    np.testing.assert_array_equal(np.bincount(labels_of(image_set, 10)), [6, 1, 3])
    assert image_set.provenance["labels"] == "the data's shares"
    equal = GeneratedImages(generator, SamplingConfig(label_shares="equal"), label_counts=shares)
    np.testing.assert_array_equal(labels_of(equal, 10), np.arange(10) % 3)
    assert equal.provenance == SamplingConfig().provenance()


def test_balanced_data_give_the_labels_and_provenance_of_earlier_versions(generator):
    image_set = GeneratedImages(generator, SamplingConfig(), label_counts={2: 9, 0: 9, 1: 9})
    np.testing.assert_array_equal(labels_of(image_set, 10), np.arange(10) % 3)
    assert image_set.provenance == {
        "ema": True,
        "seed": 0,
        "truncation": 1.0,
        "batch_norm": "moving",
    }


def test_a_balanced_set_has_equally_many_images_of_the_given_classes(generator):
    shares = {0: 60, 1: 10, 2: 30}
    image_set = GeneratedImages(generator, SamplingConfig(), label_counts=shares)
    balanced = image_set.balanced([0, 2])
    np.testing.assert_array_equal(labels_of(balanced, 6), [0, 2] * 3)
    assert balanced is image_set.balanced([0, 2])
    before = generate(balanced)
    for variable in generator.trainable_variables:
        variable.assign(1.5 * variable)
    image_set.update(generator)
    assert np.any(generate(balanced) != before), "they share the generator"


def test_labels_that_the_generator_does_not_know_are_refused(generator):
    with pytest.raises(EvaluationError, match="the label 7, but the generator has only 3 classes"):
        GeneratedImages(generator, SamplingConfig(), label_counts={0: 5, 7: 5})


def test_standing_statistics_follow_the_shares_too(generator):
    for path, variable in named_variables(generator).items():
        if path.endswith("gamma") and variable.shape[:1] == (3,):
            variable.assign([[1.0], [2.0], [4.0]] * variable)  # classes differ
    config = SamplingConfig(batch_norm="standing", standing_batches=1, standing_batch_size=20)
    sets = [
        GeneratedImages(generator, config, label_counts=counts)
        for counts in ({0: 9, 1: 9, 2: 9}, {0: 25, 1: 1, 2: 1})
    ]
    batch = next(sets[0].batches(8, 8))
    assert np.any(sets[0].images(*batch).numpy() != sets[1].images(*batch).numpy())
