"""Models whose every weight matters, and their exports, made once."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from sagan_tf.keras_compat import named_variables
from sagan_tf.models import factory
from sagan_tf.serving.saved_model import export


def stir(generator, seed=0):
    """Gives every weight and statistic a value of its own; fresh ones hide mistakes."""
    random = np.random.default_rng(seed)
    for path, variable in named_variables(generator).items():
        value = variable.numpy() + random.normal(0.0, 0.2, variable.shape)
        positive = path.endswith(("moving_variance", "gamma"))
        variable.assign(np.abs(value) + 0.1 if positive else value)


def make_model(config):
    model = factory.build_model(config)
    stir(model.ema_generator)
    return model


@dataclasses.dataclass
class Exported:
    """A model, the path of its export, and the signatures as they were loaded again."""

    model: object
    path: str
    loaded: object

    def __call__(self, signature, **inputs):
        """Outputs of a signature as NumPy arrays."""
        tensors = {name: tf.constant(value) for name, value in inputs.items()}
        outputs = self.loaded.signatures[signature](**tensors)
        return {name: value.numpy() for name, value in outputs.items()}


def _export(config, directory, **arguments):
    model = make_model(config)
    path = export(model, directory, **arguments)
    return Exported(model, path, tf.saved_model.load(path))


@pytest.fixture(scope="session")
def exported(tiny_config, tmp_path_factory):
    """A conditional model with attention, 3 classes, 16x16 gray."""
    return _export(tiny_config, tmp_path_factory.mktemp("exports") / "sagan")


@pytest.fixture(scope="session")
def unconditional(tiny_config, tmp_path_factory):
    """Without classes and attention, RGB, and trained in mixed precision."""
    config = tiny_config.replace(
        num_classes=None, attention_resolution=None, channels=3, precision="mixed_bfloat16"
    )
    return _export(config, tmp_path_factory.mktemp("exports") / "sagan")


@pytest.fixture(scope="session")
def latents():
    """float32 (64, 8)."""
    return np.random.default_rng(1).standard_normal((64, 8)).astype(np.float32)


@pytest.fixture(scope="session")
def labels():
    """int32 (64,) in [0, 3)."""
    return np.random.default_rng(2).integers(0, 3, 64, dtype=np.int32)
