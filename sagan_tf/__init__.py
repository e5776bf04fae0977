"""Self-Attention GANs for TensorFlow 2 and Keras (Zhang et al., arXiv:1805.08318)."""

from sagan_tf import environment  # noqa: F401, I001 - before anything imports Keras
from sagan_tf import config, evaluation, layers, losses, ops, sampling
from sagan_tf.config import ExperimentConfig
from sagan_tf.errors import (
    ConfigError,
    DataError,
    EvaluationError,
    ExportError,
    RunDirectoryError,
    ServingError,
    StackError,
    TrainingError,
    UserError,
)
from sagan_tf.models.networks import Discriminator, Generator
from sagan_tf.models.sagan import SAGAN
from sagan_tf.runs.checkpoints import load
from sagan_tf.runs.pretrained import load as load_pretrained
from sagan_tf.serving.saved_model import export
from sagan_tf.version import __version__

__all__ = [
    "SAGAN",
    "ConfigError",
    "DataError",
    "Discriminator",
    "EvaluationError",
    "ExperimentConfig",
    "ExportError",
    "Generator",
    "RunDirectoryError",
    "ServingError",
    "StackError",
    "TrainingError",
    "UserError",
    "__version__",
    "config",
    "evaluation",
    "export",
    "layers",
    "load",
    "load_pretrained",
    "losses",
    "ops",
    "sampling",
]
