"""StudioGAN's weights here: outputs as PyTorch's, and names that do not fit."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

import sagan_tf
from sagan_tf.errors import UserError
from sagan_tf.evaluation import scoring
from sagan_tf.evaluation.settings import EvaluationConfig
from sagan_tf.models import conversion, state_dicts
from sagan_tf.ops.spectral_norm import power_iteration

torch = pytest.importorskip("torch", reason="PyTorch, a test extra, is not installed")
from tests.models import studiogan  # noqa: E402 - needs PyTorch

CLASSES = 5


def arrays(module):
    return {name: value.numpy() for name, value in module.state_dict().items()}


def stir(module, *inputs):
    """Gives every weight a value of its own, and lets norms and statistics see some batches."""
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
        for _ in range(2):  # few: the estimates of the spectral norms are still wrong
            module.train()(*inputs)
    return module.eval()


@pytest.fixture(scope="module")
def latents():
    return torch.randn(6, 12, generator=torch.Generator().manual_seed(1))


@pytest.fixture(scope="module")
def labels():
    return torch.arange(6) % CLASSES


@pytest.fixture(scope="module")
def images():
    return torch.rand(6, 3, 32, 32, generator=torch.Generator().manual_seed(2)) * 2 - 1


@pytest.fixture(scope="module")
def generator(latents, labels):
    return stir(studiogan.Generator(12, [32, 32, 16, 8], CLASSES, 2), latents, labels)


@pytest.fixture(scope="module")
def discriminator(images, labels):
    return stir(studiogan.Discriminator([8, 16, 32, 32], CLASSES, 1), images, labels)


def test_the_generator_draws_the_same(generator, latents, labels):
    check_drawing(generator, latents, labels)


def test_class_tables_of_older_checkpoints_are_embeddings(latents, labels):
    old = studiogan.Generator(12, [32, 32, 16, 8], CLASSES, 2, old_names=True)
    check_drawing(stir(old, latents, labels), latents, labels)


def check_drawing(generator, latents, labels):
    converted = conversion.convert_generator(arrays(generator))
    assert (converted.resolution, converted.attention_resolution) == (32, 16)
    assert converted.channel_multipliers == (4, 4, 2, 1)
    with torch.no_grad():
        expected = generator(latents, labels).permute(0, 2, 3, 1).numpy()
    drawn = converted(latents.numpy(), labels.numpy()).numpy()
    np.testing.assert_allclose(drawn, expected, atol=1e-4)
    assert np.std(expected) > 0.05


def test_the_discriminator_scores_the_same(discriminator, images, labels):
    converted = conversion.convert_discriminator(arrays(discriminator))
    assert (converted.resolution, converted.attention_resolution) == (32, 16)
    with torch.no_grad():
        expected = discriminator(images.clone(), labels).numpy()
    scored = converted(images.permute(0, 2, 3, 1).numpy(), labels.numpy()).numpy()
    np.testing.assert_allclose(scored, expected, atol=1e-4 * np.abs(expected).max())


@pytest.fixture
def model(generator, discriminator):
    """A `SAGAN` of both converted networks."""
    model = sagan_tf.SAGAN(
        conversion.convert_generator(arrays(generator)),
        conversion.convert_discriminator(arrays(discriminator)),
    )
    model.compile()
    return model


def test_converted_networks_are_fine_tuned(model, images, labels):
    before = model.generate(labels=[0, 1])
    metrics = model.train_step((images.permute(0, 2, 3, 1).numpy(), labels.numpy()))
    assert all(np.isfinite(float(value)) for value in metrics.values())
    assert not np.array_equal(model.generate(labels=[0, 1]), before)


def test_converted_networks_are_exported_and_scored(model, generator, latents, labels, tmp_path):
    path = sagan_tf.export(model, tmp_path / "exports")
    serve = tf.saved_model.load(path).signatures["serving_default"]
    with torch.no_grad():
        expected = generator(latents, labels).permute(0, 2, 3, 1).numpy()
    kind = serve.structured_input_signature[1]["labels"].dtype
    served = serve(latents=tf.constant(latents.numpy()), labels=tf.cast(labels.numpy(), kind))
    np.testing.assert_allclose(served["images"], expected, atol=1e-4)

    (tmp_path / "real").mkdir()
    for number in range(8):
        pixels = np.random.default_rng(number).integers(0, 256, (32, 32, 3), np.uint8)
        Image.fromarray(pixels).save(tmp_path / "real" / f"{number}.png")
    network = keras.Sequential([keras.Input((32, 32, 3)), keras.layers.GlobalAveragePooling2D()])
    network.save(tmp_path / "means.keras")
    settings = EvaluationConfig(
        ("fid",), num_samples=20, feature_network=str(tmp_path / "means.keras")
    )
    dataset = f"folder:{tmp_path / 'real'}"
    real_vs_real, fid = scoring.score_export(path, settings, dataset=dataset)
    assert (fid["metric"], fid["samples"], fid["resolution"]) == ("fid", 20, 32)
    assert fid["value"] > real_vs_real["value"] >= 0.0


def test_without_spectral_norm_and_attention(latents, labels):
    module = studiogan.Generator(12, [16, 8, 8], CLASSES, None)
    stir(module, latents, labels)
    for layer in module.modules():
        if hasattr(layer, "weight_orig"):
            torch.nn.utils.remove_spectral_norm(layer)
    converted = conversion.convert_generator(arrays(module))
    assert not converted.spectral_norm and converted.attention_resolution is None
    with torch.no_grad():
        expected = module(latents, labels).permute(0, 2, 3, 1).numpy()
    drawn = converted(latents.numpy(), labels.numpy()).numpy()
    np.testing.assert_allclose(drawn, expected, atol=1e-4)


def test_names_that_do_not_fit_are_listed(generator, discriminator):
    state = arrays(generator)
    state["blocks.9.extra.weight"] = np.zeros(3)
    del state["conv2d5.bias"], state["bn4.weight"]
    with pytest.raises(UserError, match=r"missing: conv2d5.bias") as error:
        conversion.convert_generator(state)
    state = arrays(generator)
    state["shared.weight"] = np.zeros(3)
    del state["bn4.weight"], state["blocks.1.0.conv2d2.weight_u"]
    with pytest.raises(UserError) as error:
        conversion.convert_generator(state)
    for name in ("blocks.1.0.conv2d2.weight_u", "bn4.weight", "unknown: shared.weight"):
        assert name in str(error.value)
    with pytest.raises(UserError, match=r"missing: blocks\.0\.0\.bn1"):
        conversion.convert_generator(arrays(discriminator))


def test_files(tmp_path, discriminator):
    path = tmp_path / "D.pth"
    torch.save({"state_dict": discriminator.state_dict(), "step": 3}, path)
    read = conversion.load_state_dict(path)
    assert set(read) == set(discriminator.state_dict())
    path.write_bytes(b"no checkpoint")
    with pytest.raises(UserError, match=r"D.pth is no PyTorch state dict"):
        conversion.load_state_dict(path)


@pytest.mark.parametrize("shape", [(20, 7), (7, 20)])
def test_the_vector_gives_the_norm_that_was_asked_for(shape):
    random = np.random.default_rng(0)
    matrix = random.normal(size=shape)
    for share in (1.0, 0.9, 0.5):
        sigma = share * np.linalg.norm(matrix, 2)
        u = state_dicts.vector_for_norm(matrix, sigma)
        got = power_iteration(matrix.astype(np.float32), u.astype(np.float32))[1]
        np.testing.assert_allclose(got, sigma, rtol=1e-5)


def test_files_hold_numbers_parameters_and_bfloat16(tmp_path):
    """As training scripts save them: NumPy's numbers beside the weights, any float type."""
    path = str(tmp_path / "model.pth")
    weights = {
        "module.half": torch.tensor([0.5, 1.5], dtype=torch.bfloat16),
        "parameter": torch.nn.Parameter(torch.ones(3)),
    }
    torch.save({"state_dict": weights, "best_fid": np.float64(14.0), "step": np.int64(90)}, path)
    read = conversion.load_state_dict(path)
    np.testing.assert_array_equal(read["half"], np.float32([0.5, 1.5]))
    np.testing.assert_array_equal(read["parameter"], np.ones(3, np.float32))
