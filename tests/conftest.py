"""Shared fixtures: two virtual CPU devices, and models small enough to trace in seconds."""

import numpy as np
import pytest
import tensorflow as tf

# Before anything else touches TensorFlow: some tests train on two devices.
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
)

from sagan_tf import config as configs  # noqa: E402 - after the devices
from sagan_tf.models import factory  # noqa: E402


@pytest.fixture(scope="session")
def two_replicas():
    """The one strategy of the whole session over both devices.

    Strategies made one after the other number their collective operations alike, and TensorFlow
    then takes those of one for those of the other: "Shape mismatch in the collective instance".
    """
    return tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])


@pytest.fixture(scope="session")
def tiny_config():
    """16x16 gray, 3 classes, 8 channels, attention at 8x8."""
    return configs.get("fashion_mnist_32").replace(
        preset="tiny",
        resolution=16,
        num_classes=3,
        base_channels=8,
        latent_dim=8,
        attention_resolution=8,
        global_batch_size=4,
        eval_every=None,
    )


@pytest.fixture
def tiny_model(tiny_config):
    """A compiled SAGAN of `tiny_config` with its initial weights."""
    return factory.build_model(tiny_config)


@pytest.fixture(scope="session")
def tiny_batch():
    """uint8 images (4, 16, 16, 1) and int32 labels in [0, 3)."""
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (4, 16, 16, 1), np.uint8)
    return images, random.integers(0, 3, 4).astype(np.int32)


@pytest.fixture(scope="session")
def small_run(tmp_path_factory):
    """The directory of a finished run: bundled images at 32x32, 4 channels, 4 steps."""
    from sagan_tf.training import loop

    config = configs.get("fashion_mnist_32").replace(
        preset="small",
        base_channels=4,
        latent_dim=8,
        global_batch_size=4,
        train_steps=4,
        log_every=1,
        sample_every=2,
        checkpoint_every=4,
        eval_every=None,
    )
    run_dir = tmp_path_factory.mktemp("runs") / "small"
    loop.train(config, str(run_dir))
    return str(run_dir)
