import inspect

import numpy as np
import pytest
import tensorflow as tf

import sagan_tf
from sagan_tf import config, layers
from sagan_tf.errors import ConfigError, DataError
from sagan_tf.models import factory
from sagan_tf.models.architecture import count_parameters


def test_parameter_counts_at_full_size():
    """Within 0.5% of two public implementations: 42,017,412 and 39,448,258."""
    assert count_parameters(sagan_tf.Generator()) == pytest.approx(42_017_412, rel=0.005)
    assert count_parameters(sagan_tf.Discriminator()) == pytest.approx(39_448_258, rel=0.005)


@pytest.mark.parametrize("resolution", [16, 32, 64, 128, 256])
@pytest.mark.parametrize(("channels", "num_classes"), [(1, None), (3, 4)])
def test_every_resolution(resolution, channels, num_classes):
    shared = {
        "resolution": resolution,
        "num_classes": num_classes,
        "base_channels": 1,
        "channels": channels,
        "attention_resolution": 8,
    }
    generator = sagan_tf.Generator(latent_dim=5, **shared)
    discriminator = sagan_tf.Discriminator(**shared)
    labels = None if num_classes is None else np.array([0, 3])
    images = generator(np.ones((2, 5), np.float32), labels)
    assert images.shape == (2, resolution, resolution, channels)
    assert np.all(np.abs(images) <= 1.0)
    assert discriminator(images, labels).shape == (2,)


# Width of the feature maps of a size, at resolution 64 and 8 base channels.
WIDTHS = {
    sagan_tf.Generator: {8: 64, 16: 32, 32: 16},
    sagan_tf.Discriminator: {8: 32, 16: 16, 32: 8},
}


@pytest.mark.parametrize("network", WIDTHS)
@pytest.mark.parametrize("attention_resolution", [8, 16, 32])
def test_attention_stands_behind_the_block_that_reaches_its_size(network, attention_resolution):
    arguments = {"attention_resolution": attention_resolution, "num_classes": None}
    attending = network(64, base_channels=8, channels=1, **arguments)
    residual = network(64, base_channels=8, channels=1, attention_block="residual", **arguments)
    assert isinstance(attending.attention, layers.SelfAttention2D)
    assert isinstance(residual.attention, layers.DiscriminatorBlock)
    width = WIDTHS[network][attention_resolution]
    assert attending.attention.output_projection.filters == residual.attention.filters == width
    inputs = {sagan_tf.Generator: (1, 128), sagan_tf.Discriminator: (1, 64, 64, 1)}[network]
    before, after = (call(attending, inputs, gamma) for gamma in (0.0, 1.0))
    assert np.any(before != after)


def call(network, shape, gamma):
    network.attention.gamma.assign(gamma)
    inputs = tf.random.stateless_uniform(shape, (0, 1), -1.0, 1.0)
    return np.array(network(inputs))


def test_arguments_are_those_of_the_configuration():
    """Names, defaults and checks; and the layers' own defaults agree."""
    signature = inspect.signature(sagan_tf.Generator).parameters
    assert signature["latent_dim"].default == config.DEFAULTS.latent_dim
    assert signature["spectral_norm"].default == config.DEFAULTS.generator_spectral_norm
    assert "latent_dim" not in inspect.signature(sagan_tf.Discriminator).parameters
    assert "attention_pool_size: max-pooling" in sagan_tf.Discriminator.__doc__
    with pytest.raises(ConfigError, match=r"batch_norm_momentum=1.0 .*\[0, 1\)"):
        sagan_tf.Generator(batch_norm_momentum=1.0)
    with pytest.raises((TypeError, ValueError), match="chanels"):
        sagan_tf.Generator(chanels=1)
    block = inspect.signature(layers.GeneratorBlock).parameters
    for name in ("batch_norm_momentum", "batch_norm_epsilon", "spectral_norm"):
        assert block[name].default == signature[name].default
    attention = inspect.signature(layers.SelfAttention2D).parameters
    assert attention["pool_size"].default == signature["attention_pool_size"].default
    norm = inspect.signature(layers.ConditionalBatchNormalization).parameters
    assert norm["momentum"].default == signature["batch_norm_momentum"].default
    assert norm["epsilon"].default == signature["batch_norm_epsilon"].default


@pytest.mark.parametrize("network", [sagan_tf.Generator, sagan_tf.Discriminator])
def test_residual_slot_is_as_large_as_attention(network):
    """The paper's table 1 compares blocks with the same number of parameters."""
    sizes = {
        kind: count_parameters(network(128, attention_block=kind).attention)
        for kind in config.ATTENTION_BLOCKS
    }
    assert sizes["residual"] == pytest.approx(sizes["self_attention"], rel=0.06)


def test_attention_maps():
    generator = sagan_tf.Generator(32, 3, 8, 16, channels=1)
    maps = generator.attention_maps(np.ones((2, 128), np.float32), np.array([0, 1]))
    assert maps.shape == (2, 16, 16, 8, 8)
    np.testing.assert_allclose(np.sum(maps, (3, 4)), 1.0, atol=1e-5)
    inputs = np.ones((2, 128), np.float32), np.array([0, 1])
    images, same_maps = generator(*inputs, return_attention_maps=True)
    np.testing.assert_array_equal(images, generator(*inputs))
    np.testing.assert_array_equal(same_maps, maps)
    plain = sagan_tf.Generator(32, 3, 8, None, channels=1)
    with pytest.raises(ConfigError, match="self_attention"):
        plain.attention_maps(*inputs)


def test_labels_change_images_of_a_conditional_generator_only():
    latents = np.random.default_rng(0).standard_normal((1, 128)).astype(np.float32)
    shared = {"resolution": 16, "base_channels": 8, "attention_resolution": 8, "channels": 1}
    conditional = sagan_tf.Generator(num_classes=3, **shared)
    for block in conditional.blocks:
        block.norm1.gamma.assign(tf.random.stateless_normal(block.norm1.gamma.shape, (1, 2)))
    images = [conditional(latents, np.array([label])) for label in (0, 1)]
    assert np.abs(images[0] - images[1]).max() > 1e-3
    unconditional = sagan_tf.Generator(num_classes=None, **shared)
    np.testing.assert_array_equal(unconditional(latents), unconditional(latents, np.array([1])))
    with pytest.raises(DataError, match="labels are missing"):
        conditional(latents)


def test_channel_multipliers():
    generator = sagan_tf.Generator(32, 3, 4, 8, channels=1, channel_multipliers=(4, 4, 4, 4))
    assert [block.filters for block in generator.blocks] == [16, 16, 16]
    with pytest.raises(ConfigError, match=r"channel_multipliers=\(4, 4\).*4 numbers"):
        sagan_tf.Discriminator(32, 3, 4, 8, channels=1, channel_multipliers=(4, 4))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"resolution": 48}, "resolution=48"),
        ({"resolution": 0}, "resolution=0"),
        ({"attention_resolution": 64, "resolution": 64}, "attention_resolution=64"),
        ({"channels": 4}, "channels=4"),
        ({"num_classes": 0}, "num_classes=0"),
        ({"attention_block": "conv"}, "attention_block='conv'"),
    ],
)
@pytest.mark.parametrize("network", [sagan_tf.Generator, sagan_tf.Discriminator])
def test_bad_arguments(network, arguments, message):
    with pytest.raises(ConfigError, match=message):
        network(**{"base_channels": 1, **arguments})


@pytest.mark.parametrize("name", config.names())
def test_presets_build(name):
    model = factory.build_model(config.get(name).replace(base_channels=1))
    assert model.generator.resolution == config.get(name).resolution
    assert model.get_compile_config()["loss"] == "hinge"
