import numpy as np
import pytest
import tensorflow as tf

from sagan_tf.errors import ConfigError, ExportError
from sagan_tf.keras_compat import named_variables
from sagan_tf.serving import folding
from tests.serving.conftest import make_model


@pytest.fixture(scope="module")
def generator(tiny_config):
    return make_model(tiny_config).ema_generator


def test_it_draws_the_same_images_from_normalized_kernels(generator, latents, labels):
    result = folding.fold_spectral_norm(generator)
    np.testing.assert_allclose(result(latents, labels), generator(latents, labels), atol=2e-5)
    weights, layer = named_variables(result), generator.blocks[0].conv1
    assert not any(path.endswith("/u") for path in weights)
    normalized = layer.kernel.numpy() / layer.sigma().numpy()
    np.testing.assert_allclose(weights["block1/conv1/kernel"].numpy(), normalized, rtol=1e-5)


def test_the_generator_is_left_as_it_was(generator):
    before = {path: v.numpy() for path, v in named_variables(generator).items()}
    folding.fold_spectral_norm(generator)
    for path, variable in named_variables(generator).items():
        np.testing.assert_array_equal(variable.numpy(), before[path])


def test_bfloat16_is_half_the_size_and_close(generator, latents, labels):
    result = folding.fold_spectral_norm(generator, "bfloat16")
    kernels = [v for path, v in named_variables(result).items() if path.endswith("/kernel")]
    assert {tf.as_dtype(kernel.dtype) for kernel in kernels} == {tf.bfloat16}
    difference = result(latents, labels) - generator(latents, labels)
    assert 0.0 < np.sqrt(np.mean(np.square(difference))) < 0.05


def test_a_generator_without_spectral_normalization(tiny_config, latents, labels):
    plain = make_model(tiny_config.replace(generator_spectral_norm=False)).ema_generator
    np.testing.assert_allclose(
        folding.fold_spectral_norm(plain)(latents, labels), plain(latents, labels), atol=2e-5
    )


def test_weights_that_are_not_finite_are_refused(tiny_config):
    generator = make_model(tiny_config).ema_generator
    generator.blocks[1].conv2.bias.assign(np.full(generator.blocks[1].conv2.bias.shape, np.nan))
    with pytest.raises(ExportError, match=r"block2/conv2/bias are not finite"):
        folding.fold_spectral_norm(generator)


def test_an_unknown_precision_is_refused(generator):
    with pytest.raises(ConfigError, match="precision='float16' .* one of float32, bfloat16"):
        folding.fold_spectral_norm(generator, "float16")
