"""`fit` and its relatives: sizes of batches, validation, callbacks, what is refused."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorboard.backend.event_processing import event_accumulator

import sagan_tf
from sagan_tf.errors import ConfigError, DataError, TrainingError
from sagan_tf.keras_compat import IS_KERAS_3, named_variables
from sagan_tf.models import factory

COUNT = 35


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).integers(0, 256, (COUNT, 16, 16, 1), np.uint8)


@pytest.fixture(scope="module")
def labels():
    return np.arange(COUNT, dtype=np.int32) % 3


def small(tiny_config, **changes):
    return factory.build_model(tiny_config.replace(base_channels=2, **changes))


def weights(model):
    named = {
        f"{network}/{path}": np.array(variable)
        for network in ("generator", "discriminator", "ema_generator")
        for path, variable in named_variables(getattr(model, network)).items()
    }
    # A bias in front of a batch norm has no effect, and moves by rounding alone.
    return {
        path: weight
        for path, weight in named.items()
        if path.startswith("discriminator") or not path.endswith("bias") or "to_image" in path
    }


def check_equal(one, other, **tolerance):
    one, other = weights(one), weights(other)
    for path, weight in one.items():
        np.testing.assert_allclose(weight, other[path], err_msg=path, **tolerance)


def test_images_that_fill_no_equal_parts_are_left_out(tiny_config, images, labels):
    model = small(tiny_config, d_steps=2)
    with pytest.warns(UserWarning, match="leaves out 1 of 35 images: .* multiple of 2"):
        model.fit(images, labels, batch_size=32, shuffle=False, verbose=0)
    assert int(model.step.numpy()) == 2
    other = small(tiny_config, d_steps=2)
    other.fit(images[:34], labels[:34], batch_size=32, shuffle=False, verbose=0)
    check_equal(model, other)


def test_a_data_set_leaves_out_its_last_batch(tiny_config, images, labels):
    model = small(tiny_config, accumulation_steps=2)
    dataset = tf.data.Dataset.from_tensor_slices({"image": images, "label": labels})
    with pytest.warns(UserWarning, match="multiple of 2 .* are left out"):
        model.fit(dataset.batch(32), verbose=0)  # 32 images, then 3
    assert int(model.step.numpy()) == 1
    with pytest.raises(ConfigError, match="batch_size=5 .* multiple of 2"):
        model.fit(dataset.batch(5, drop_remainder=True), verbose=0)
    # Keras 2 finds the empty epoch before we do.
    empty = "every batch was left out|empty dataset"
    with pytest.warns(UserWarning), pytest.raises(ValueError, match=empty):
        model.fit(dataset.batch(1), verbose=0)
    assert int(model.step.numpy()) == 1


@pytest.mark.parametrize("count", [33, 35])
def test_two_replicas_leave_out_what_they_cannot_share(
    tiny_config, images, labels, two_replicas, count
):
    """The last batch has 1 or 3 images: one of them, or none, for each replica."""
    with two_replicas.scope():
        model = small(tiny_config)
    with pytest.warns(UserWarning, match=f"leaves out 1 of {count} images: .* multiple of 2"):
        model.fit(images[:count], labels[:count], 16, shuffle=False, verbose=0)
    other = small(tiny_config)
    other.fit(images[: count - 1], labels[: count - 1], 16, shuffle=False, verbose=0)
    check_equal(model, other, rtol=2e-3, atol=5e-5)


def test_a_step_refuses_unequal_replicas_before_any_update(
    tiny_config, images, labels, two_replicas
):
    with two_replicas.scope():
        model = small(tiny_config)
    before = weights(model)
    dataset = tf.data.Dataset.from_tensor_slices((images[:3], labels[:3])).batch(4)
    iterator = iter(two_replicas.experimental_distribute_dataset(dataset))
    step = tf.function(lambda batch: two_replicas.run(model.train_step, (batch,)))
    with pytest.raises(tf.errors.InvalidArgumentError, match="batch of each replica must be equal"):
        step(next(iterator))
    after = weights(model)
    assert all(np.array_equal(before[path], after[path]) for path in before)


def test_training_repeats(tiny_config, images, labels):
    """Initial weights, order and latents follow from the seeds."""
    models = []
    for _ in range(2):
        networks = [
            network(16, 3, 2, 8, channels=1, seed=5)
            for network in (sagan_tf.Generator, sagan_tf.Discriminator)
        ]
        model = sagan_tf.SAGAN(*networks, seed=7)
        model.compile()
        model.fit(images[:32], labels[:32], batch_size=16, epochs=2, verbose=0)
        models.append(model)
    check_equal(*models)
    kernels = [
        sagan_tf.Generator(16, 3, 2, 8, channels=1, seed=seed).dense.kernel for seed in (5, 6)
    ]
    assert np.any(np.array(kernels[0]) != np.array(kernels[1]))


def test_validation_measures_both_losses_and_moves_nothing(tiny_config, images, labels):
    model = small(tiny_config)
    history = model.fit(
        images, labels, 32, 1, validation_data=(images[:9], labels[:9]), verbose=0
    ).history
    names = {"discriminator_loss", "generator_loss", "real_logits", "fake_logits"}
    assert {name for name in history if name.startswith("val_")} == {f"val_{n}" for n in names}
    before = weights(model)
    scores = model.evaluate(images, labels, batch_size=8, verbose=0, return_dict=True)
    assert set(scores) == names
    after = weights(model)
    assert all(np.array_equal(before[path], after[path]) for path in before)
    real = np.array(model.discriminator(images / np.float32(127.5) - 1.0, labels))
    np.testing.assert_allclose(scores["real_logits"], real.mean(), rtol=1e-4, atol=1e-5)
    losses = np.maximum(0.0, 1.0 - real)
    assert scores["discriminator_loss"] >= losses.mean() - 1e-4
    split = model.fit(images, labels, 14, validation_split=0.2, verbose=0).history
    assert int(model.step.numpy()) == 2 + 2 and "val_generator_loss" in split


def test_one_batch_and_predictions(tiny_config, images, labels):
    model = small(tiny_config)
    logs = model.train_on_batch(images[:4], labels[:4], return_dict=True)
    assert np.isfinite(logs["generator_loss"]) and int(model.step.numpy()) == 1
    latents = np.ones((5, tiny_config.latent_dim), np.float32)
    expected = np.array(model(latents, labels[:5]))
    np.testing.assert_allclose(model((latents, labels[:5])), expected)
    predicted = model.predict([latents, labels[:5]], verbose=0)
    np.testing.assert_allclose(predicted, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m, x, y: m.fit(x, y, class_weight={0: 2.0}), "class_weight=.* must be None"),
        (lambda m, x, y: m.fit(x, y, sample_weight=y), "sample_weight=.* must be None"),
        (lambda m, x, y: m.fit(x, y, validation_data=(x, y, y)), "sample_weight=.* must be None"),
        (lambda m, x, y: m.fit(x, y, batch_size=0), "batch_size=0 "),
        (lambda m, x, y: m.fit(x, y, validation_split=1.5), "validation_split=1.5 "),
        (lambda m, x, y: m.train_on_batch(x[:0], y[:0]), "batch_size=0 "),
        (lambda m, x, y: m.evaluate(x), "labels are missing"),
        (lambda m, x, y: m.compile(optimizer="adam"), "optimizer='adam' .*generator_optimizer"),
        (lambda m, x, y: m.compile("adm"), "generator_optimizer='adm' .* name of one"),
        (lambda m, x, y: m.compile("adam", loss="mse"), "loss='mse'"),
        (lambda m, x, y: m.discriminator(x, y), "images have type uint8"),
        (lambda m, x, y: m.discriminator(x / 255.0, y[None]), r"labels have shape \(1, 35\)"),
    ],
)
def test_refused(tiny_model, images, labels, call, message):
    with pytest.raises((ConfigError, DataError), match=message):
        call(tiny_model, images, labels)


def test_weights_of_samples_in_a_data_set_are_refused(tiny_model, images, labels):
    dataset = tf.data.Dataset.from_tensor_slices((images, labels, labels)).batch(4)
    with pytest.raises(DataError, match="sample weights are not supported"):
        tiny_model.fit(dataset)
    with pytest.raises(DataError, match="keys pixels, label; allowed are"):
        tiny_model.fit(tf.data.Dataset.from_tensors({"pixels": images, "label": labels}))


def test_optimizers_by_name(tiny_model):
    tiny_model.compile("adam", "adam")
    assert tiny_model.generator_optimizer is not tiny_model.discriminator_optimizer
    tiny_model.compile("adam", "sgd")
    assert isinstance(tiny_model.discriminator_optimizer, keras.optimizers.SGD)
    scaled = keras.mixed_precision.LossScaleOptimizer(keras.optimizers.Adam())
    with pytest.raises(ConfigError, match="LossScaleOptimizer"):
        tiny_model.compile(scaled)


@pytest.mark.parametrize("dtype", ["mixed_float16", "float16", "float64"])
def test_types_that_cannot_train_are_refused(dtype):
    with pytest.raises(ConfigError, match=f"dtype='{dtype}' .*float32, mixed_bfloat16"):
        sagan_tf.Generator(16, 3, 2, 8, channels=1, dtype=dtype)


def test_bfloat16_is_for_exports():
    networks = [
        network(16, 3, 2, 8, channels=1, dtype="bfloat16")
        for network in (sagan_tf.Generator, sagan_tf.Discriminator)
    ]
    with pytest.raises(ConfigError, match="precision='bfloat16' .*float32, mixed_bfloat16"):
        sagan_tf.SAGAN(*networks)


def test_labels_of_one_column(tiny_model):
    latents = np.ones((3, 8), np.float32)
    expected = tiny_model.generator(latents, np.arange(3))
    np.testing.assert_array_equal(tiny_model.generator(latents, np.arange(3)[:, None]), expected)
    np.testing.assert_array_equal(
        tiny_model.generator(latents, np.float32([[0], [1], [2]])), expected
    )


def test_float_images_from_zero_to_one_get_a_warning(tiny_config, images, labels):
    with pytest.warns(UserWarning, match=r"lie in \[0, 1\]; .* 2 \* images - 1"):
        small(tiny_config).fit(images[:4] / np.float32(255), labels[:4], verbose=0)


def test_a_callback_moves_both_learning_rates(tiny_config, images, labels):
    model = small(tiny_config)
    ratio = tiny_config.discriminator_learning_rate / tiny_config.generator_learning_rate
    halve = keras.callbacks.LearningRateScheduler(lambda epoch, _: 1e-4 * 0.5**epoch)
    model.fit(images[:8], labels[:8], 4, 3, callbacks=[halve], verbose=0)
    rate = float(model.generator_optimizer.learning_rate.numpy())
    other = float(model.discriminator_optimizer.learning_rate.numpy())
    np.testing.assert_allclose((rate, other), (0.25e-4, 0.25e-4 * ratio), rtol=1e-5)


@pytest.mark.skipif(not IS_KERAS_3, reason="Keras 2 names variables by their last part")
def test_tensorboard_has_a_histogram_of_every_weight(tiny_config, images, labels, tmp_path):
    model = small(tiny_config)
    board = keras.callbacks.TensorBoard(tmp_path, histogram_freq=1)
    model.fit(images[:4], labels[:4], 4, callbacks=[board], verbose=0)
    events = event_accumulator.EventAccumulator(str(tmp_path / "train"))
    events.Reload()
    found = {tag for tag in events.Tags()["tensors"] if tag.endswith("/histogram")}
    networks = (model.generator, model.discriminator, model.ema_generator)
    assert len(found) == sum(len(network.weights) for network in networks)
    average = model.ema_generator.name
    assert average == f"ema_{model.generator.name}" and f"{average}/dense/kernel/histogram" in found


def test_what_is_not_finite_ends_fit(tiny_config, images, labels):
    model = small(tiny_config)
    kernel = model.generator.blocks[0].conv1.kernel
    kernel.assign(kernel * np.nan)
    with pytest.raises(TrainingError, match="not finite"):
        model.fit(images[:8], labels[:8], 4, verbose=0)


def test_cross_replica_training_calls_are_refused_by_name(tiny_config, two_replicas):
    with two_replicas.scope():
        model = small(tiny_config)
        with pytest.raises(ValueError, match="call the network inside strategy.run"):
            model.generator(np.ones((2, 8), np.float32), np.arange(2), training=True)
