"""Equality of images is within float tolerance: convolutions choose other algorithms for other
batch sizes. Latents are equal to the bit, and uint8 images within one level.
"""

import io

import numpy as np
import PIL.Image
import pytest
import tensorflow as tf

from sagan_tf import sampling
from sagan_tf.serving import folding, signatures
from tests.serving.conftest import make_model

TOLERANCE = 2e-5


def _seeds(count, truncation=0.7):
    return {"seed": np.arange(count) - 5, "truncation": np.full(count, truncation, np.float32)}


def test_names_inputs_and_outputs(exported):
    shapes = {
        name: (
            {n: (s.dtype.name, s.shape) for n, s in f.structured_input_signature[1].items()},
            {n: (s.dtype.name, s.shape) for n, s in f.structured_outputs.items()},
        )
        for name, f in exported.loaded.signatures.items()
    }
    labels = {"labels": ("int32", (None,))}
    by_latents = {"latents": ("float32", (None, 8)), **labels}
    by_seed = {"seed": ("int64", (None,)), "truncation": ("float32", (None,)), **labels}
    images = {"images": ("float32", (None, 16, 16, 1))}
    assert shapes == {
        "serving_default": (by_latents, images),
        "generate": (
            by_seed,
            {"images": ("uint8", (None, 16, 16, 1)), "latents": ("float32", (None, 8))},
        ),
        "generate_png": (by_seed, {"image_bytes": ("string", (None,))}),
        "attention": (
            by_latents,
            {**images, "attention_maps": ("float32", (None, 4, 4, 16, 16))},
        ),
    }


def test_unconditional_models_take_no_labels(unconditional):
    names = {
        name: set(function.structured_input_signature[1])
        for name, function in unconditional.loaded.signatures.items()
    }
    assert names == {
        "serving_default": {"latents"},
        "generate": {"seed", "truncation"},
        "generate_png": {"seed", "truncation"},
    }
    assert unconditional("generate", **_seeds(2))["images"].shape == (2, 16, 16, 3)


def test_images_are_the_live_ema_generators(exported, latents, labels):
    images = exported("serving_default", latents=latents, labels=labels)["images"]
    live = exported.model.ema_generator(latents, labels).numpy()
    np.testing.assert_allclose(images, live, atol=TOLERANCE)
    assert live.std() > 0.1  # or the comparison would say little


def test_a_model_trained_in_bfloat16_is_served_in_float32(unconditional, latents):
    images = unconditional("serving_default", latents=latents)["images"]
    generator = unconditional.model.ema_generator
    live = generator(latents).numpy()
    assert np.sqrt(np.mean((images - live) ** 2)) < 0.05
    single = folding.fold_spectral_norm(generator, "float32")(latents)
    np.testing.assert_allclose(images, single, atol=TOLERANCE)


@pytest.mark.parametrize("size", [1, 3, 64])
def test_rows_do_not_depend_on_their_batch(exported, latents, labels, size):
    whole = exported("serving_default", latents=latents, labels=labels)["images"]
    parts = [slice(start, start + size) for start in range(0, 6 if size < 64 else 64, size)]
    for part in parts:
        images = exported("serving_default", latents=latents[part], labels=labels[part])["images"]
        np.testing.assert_allclose(images, whole[part], atol=TOLERANCE)


def test_generated_rows_do_not_depend_on_their_batch(exported, labels):
    inputs = {**_seeds(64), "labels": labels}
    whole = exported("generate", **inputs)
    order = np.random.default_rng(3).permutation(64)
    reordered = exported("generate", **{name: value[order] for name, value in inputs.items()})
    padded_rows = np.array([7, 8, 9, 7])  # a batch of 3, padded as servers do
    padded = exported("generate", **{name: value[padded_rows] for name, value in inputs.items()})
    alone = exported("generate", **{name: value[9:10] for name, value in inputs.items()})
    for rows, outputs in ((order, reordered), (padded_rows, padded), ([9], alone)):
        np.testing.assert_array_equal(outputs["latents"], whole["latents"][rows])
        difference = outputs["images"].astype(int) - whole["images"][rows]
        assert np.abs(difference).max() <= 1


def test_the_same_request_twice_is_the_same_answer(exported, labels):
    inputs = {**_seeds(64), "labels": labels}
    first, second = exported("generate", **inputs), exported("generate", **inputs)
    np.testing.assert_array_equal(first["images"], second["images"])
    other_seed = exported("generate", **{**inputs, "seed": inputs["seed"] + 2**40})
    assert np.abs(other_seed["latents"] - first["latents"]).min(axis=1).max() > 0.0
    assert len(np.unique(first["latents"], axis=0)) == 64


def test_latents_draw_the_images_they_came_with(exported, labels):
    drawn = exported("generate", **_seeds(5), labels=labels[:5])
    images = exported("serving_default", latents=drawn["latents"], labels=labels[:5])["images"]
    difference = sampling.to_uint8(images).numpy().astype(int) - drawn["images"]
    assert np.abs(difference).max() <= 1


def test_a_seed_means_what_it_means_in_python(exported):
    for seed in (0, 7, 2**31 - 1):
        drawn = exported(
            "generate",
            seed=np.array([seed]),
            truncation=np.array([0.5], np.float32),
            labels=np.array([2], np.int32),
        )
        expected = exported.model.generate(labels=[2], seed=seed, truncation=0.5)
        assert np.abs(drawn["images"].astype(int) - expected).max() <= 1


def test_truncation_scales_the_latents(exported, labels):
    whole = exported("generate", **_seeds(64, 1.0), labels=labels)["latents"]
    half = exported("generate", **_seeds(64, 0.5), labels=labels)["latents"]
    np.testing.assert_allclose(half, 0.5 * whole, rtol=1e-6)
    assert abs(whole.mean()) < 0.15 and abs(whole.std() - 1.0) < 0.1


@pytest.mark.parametrize("name", ["exported", "unconditional"])
def test_png_files_hold_the_uint8_images(name, request, labels):
    model = request.getfixturevalue(name)
    inputs = {**_seeds(5), **({"labels": labels[:5]} if name == "exported" else {})}
    files = model("generate_png", **inputs)["image_bytes"]
    images = model("generate", **inputs)["images"]
    decoded = [np.asarray(PIL.Image.open(io.BytesIO(file))) for file in files]
    np.testing.assert_array_equal(np.reshape(decoded, images.shape), images)


def test_attention_maps_are_the_generators(exported, latents, labels):
    outputs = exported("attention", latents=latents[:3], labels=labels[:3])
    maps = exported.model.ema_generator.attention_maps(latents[:3], labels[:3]).numpy()
    size, grid = maps.shape[1], signatures.QUERY_GRID
    rows = np.arange(grid) * size // grid + size // grid // 2
    expected = maps[:, rows][:, :, rows]
    pixels = 16 // maps.shape[-1]
    shown = outputs["attention_maps"]
    np.testing.assert_allclose(shown, np.kron(expected, np.ones((pixels, pixels))), atol=1e-5)
    np.testing.assert_allclose(shown.sum((-2, -1)), pixels**2, rtol=1e-4)
    assert shown.std() > 1e-3
    images = exported("serving_default", latents=latents[:3], labels=labels[:3])["images"]
    np.testing.assert_allclose(outputs["images"], images, atol=TOLERANCE)


def test_an_attention_slot_with_a_residual_block_has_no_maps(tiny_config):
    model = make_model(tiny_config.replace(attention_block="residual"))
    specs = signatures.input_specs(folding.fold_spectral_norm(model.ema_generator))
    assert "attention" not in specs and "serving_default" in specs


def test_gradients_reach_the_latents(exported, latents, labels):
    """An operator can search for the latents of a picture."""
    inputs = tf.constant(latents[:2])
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        function = exported.loaded.signatures["serving_default"]
        loss = tf.reduce_sum(function(latents=inputs, labels=tf.constant(labels[:2]))["images"])
    assert np.abs(tape.gradient(loss, inputs)).max() > 0.0
