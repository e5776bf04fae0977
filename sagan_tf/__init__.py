"""Self-Attention GANs for TensorFlow 2 and Keras (Zhang et al., arXiv:1805.08318)."""

from sagan_tf import config, layers, losses
from sagan_tf.models.discriminator import Discriminator
from sagan_tf.models.generator import Generator
from sagan_tf.models.sagan import SAGAN

__version__ = "0.1.0"

__all__ = ["SAGAN", "Discriminator", "Generator", "config", "layers", "losses"]
