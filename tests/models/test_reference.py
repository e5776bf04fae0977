"""Equality with an independent implementation of the released architecture.

`tests/data/sagan_128_ch4.npz` holds the weights, inputs, outputs and gradients that TF-GAN's SAGAN
computes at 128x128, 4 channels, 10 classes. Every kernel in it has spectral norm 2.
"""

import pathlib

import numpy as np
import pytest
import tensorflow as tf

import sagan_tf
from sagan_tf import losses

DATA = pathlib.Path(__file__).parents[1] / "data" / "sagan_128_ch4.npz"
BATCH_NORM_EPSILON = 1e-3  # what the reference used

_BLOCK_LAYERS = {"conv1": "1", "conv2": "2", "shortcut": "3"}


def _linear(prefix, scope, layer):
    kernel = layer.embeddings if hasattr(layer, "embeddings") else layer.kernel
    suffix = "embedding_map" if hasattr(layer, "embeddings") else "kernel"
    pairs = [(f"{prefix}/{scope}/{suffix}", kernel)]
    if getattr(layer, "use_bias", False):
        pairs.append((f"{prefix}/{scope}/bias", layer.bias))
    return pairs


def _block(prefix, scope, layer, convolution):
    pairs = []
    for name, number in _BLOCK_LAYERS.items():
        if getattr(layer, name) is not None:
            inner = f"{convolution}{number}"
            pairs += _linear(prefix, f"{scope}/{inner}/{inner}", getattr(layer, name))
    for number in (1, 2):
        if hasattr(layer, f"norm{number}"):
            pairs += _norm(prefix, f"{scope}/cbn_{number - 1}", getattr(layer, f"norm{number}"))
    return pairs


def _norm(prefix, scope, layer):
    return [(f"{prefix}/{scope}/gamma", layer.gamma), (f"{prefix}/{scope}/beta", layer.beta)]


def _attention(prefix, scope, layer):
    names = {"query": "theta", "key": "phi", "value": "g", "output_projection": "attn"}
    pairs = [
        (f"{prefix}/{scope}/sn_conv_{theirs}/weights", getattr(layer, ours).kernel)
        for ours, theirs in names.items()
    ]
    return [*pairs, (f"{prefix}/{scope}/sigma_ratio", layer.gamma)]


def generator_pairs(generator):
    """Pairs of (name in the reference, our variable) of all trainable weights of G."""
    prefix = "generator"
    pairs = _linear(prefix, "g_snh0/dense", generator.dense)
    for number, block in enumerate(generator.blocks, 1):
        pairs += _block(prefix, f"g_block{number}", block, "snconv")
    pairs += _attention(prefix, "g_ops", generator.attention)
    pairs += _norm(prefix, "g_bn", generator.norm)
    return pairs + _linear(prefix, "g_snconv_last/g_snconv_last", generator.to_image)


def discriminator_pairs(discriminator):
    """Pairs of (name in the reference, our variable) of all trainable weights of D."""
    prefix = "discriminator"
    pairs = _block(prefix, "d_optimized_block1", discriminator.blocks[0], "sn_conv")
    for number, block in enumerate(discriminator.blocks[1:], 2):
        pairs += _block(prefix, f"d_block{number}", block, "sn_conv")
    pairs += _attention(prefix, "d_ops", discriminator.attention)
    pairs += _linear(prefix, "d_sn_linear/dense", discriminator.dense)
    return pairs + _linear(prefix, "d_embedding", discriminator.embedding)


def _set_singular_vectors(layers):
    for layer in layers:
        if hasattr(layer, "u"):
            matrix = np.asarray(layer.raw_kernel).reshape(-1, layer.u.shape[0])
            layer.u.assign(np.linalg.svd(matrix, full_matrices=False)[2][0])


@pytest.fixture(scope="module")
def reference():
    with np.load(DATA) as data:
        return dict(data)


@pytest.fixture(scope="module")
def networks(reference):
    from sagan_tf.keras_compat import named_layers

    generator = sagan_tf.Generator(
        128, 10, 4, 32, channels=3, batch_norm_epsilon=BATCH_NORM_EPSILON
    )
    discriminator = sagan_tf.Discriminator(128, 10, 4, 32, channels=3)
    for network, pairs in (
        (generator, generator_pairs(generator)),
        (discriminator, discriminator_pairs(discriminator)),
    ):
        assert len(pairs) == len(network.trainable_variables)
        for name, variable in pairs:
            variable.assign(reference[f"weights/{name}"].reshape(variable.shape))
        _set_singular_vectors(layer for _, layer in named_layers(network))
    names = {name for name, _ in generator_pairs(generator) + discriminator_pairs(discriminator)}
    assert names == {key[len("weights/") :] for key in reference if key.startswith("weights/")}
    return generator, discriminator


def _relative_error(actual, expected):
    return np.linalg.norm(actual - expected) / np.linalg.norm(expected)


def test_images_and_logits_equal_the_reference(networks, reference):
    generator, discriminator = networks
    images = generator(reference["in/latents"], reference["in/fake_labels"], training=True)
    np.testing.assert_allclose(images, reference["out/images"], atol=2e-4)
    for kind in ("fake", "real"):
        source = reference["out/images"] if kind == "fake" else reference["in/real_images"]
        logits = discriminator(source, reference[f"in/{kind}_labels"], training=True)
        assert _relative_error(logits.numpy(), reference[f"out/logits_{kind}"]) < 1e-3


def test_generator_loss_and_gradients_equal_the_reference(networks, reference):
    generator, discriminator = networks
    pairs = generator_pairs(generator)
    with tf.GradientTape() as tape:
        images = generator(reference["in/latents"], reference["in/fake_labels"], training=True)
        logits = discriminator(images, reference["in/fake_labels"])
        loss = losses.global_mean(losses.hinge_generator(logits))
    np.testing.assert_allclose(loss, reference["out/g_loss"], rtol=1e-3)
    _check_gradients(tape, loss, pairs, reference, "grad_g")


def test_discriminator_loss_and_gradients_equal_the_reference(networks, reference):
    _, discriminator = networks
    pairs = discriminator_pairs(discriminator)
    images = np.concatenate([reference["in/real_images"], reference["out/images"]])
    labels = np.concatenate([reference["in/real_labels"], reference["in/fake_labels"]])
    with tf.GradientTape() as tape:
        real_logits, fake_logits = tf.split(discriminator(images, labels, training=True), 2)
        loss = losses.global_mean(losses.hinge_discriminator(real_logits, fake_logits))
    np.testing.assert_allclose(loss, reference["out/d_loss"], rtol=1e-3)
    _check_gradients(tape, loss, pairs, reference, "grad_d")


def _check_gradients(tape, loss, pairs, reference, key):
    """Every gradient within 2e-3 of its norm, or of rounding where it is 0 in exact arithmetic."""
    gradients = tape.gradient(loss, [variable for _, variable in pairs])
    expected = {name: reference[f"{key}/{name}"] for name, _ in pairs}
    rounding = 1e-5 * max(np.linalg.norm(value) for value in expected.values())
    for (name, _), gradient in zip(pairs, gradients):
        actual = tf.convert_to_tensor(gradient).numpy().reshape(expected[name].shape)
        difference = np.linalg.norm(actual - expected[name])
        assert difference < 2e-3 * np.linalg.norm(expected[name]) + rounding, name
