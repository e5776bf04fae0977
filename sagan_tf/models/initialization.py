"""Initial weights as a function of a seed and of each weight's place in the network.

Keras's initializers draw other numbers in Keras 2 than in Keras 3. These are the same in both.
"""

import math
import zlib

import tensorflow as tf

from sagan_tf import sampling
from sagan_tf.keras_compat import named_variables

_STREAM = 2**40  # keeps these numbers apart from those of any training step


def initialize(network, seed):
    """Samples kernels Xavier-uniform (Glorot & Bengio, 2010) and singular vectors normal.

    These are the released code's distributions, and the layers' own; biases, gates and
    batch-norm parameters keep their constants.

    Args:
        network: a `Generator` or a `Discriminator`.
        seed: int; the same seed gives the same weights under every Keras.
    """
    root = sampling.fold_in(sampling.root_seed(seed), _STREAM, _number(type(network).__name__))
    for path, variable in named_variables(network).items():
        name = path.rpartition("/")[2]
        if name in _DISTRIBUTIONS:
            seed = sampling.fold_in(root, _number(path))
            variable.assign(_DISTRIBUTIONS[name](variable.shape, seed))


def _number(name):
    return zlib.crc32(name.encode())


def _xavier_uniform(shape, seed):
    positions = math.prod(shape[:-2])
    limit = math.sqrt(6.0 / (positions * (shape[-2] + shape[-1])))
    return tf.random.stateless_uniform(shape, seed, -limit, limit)


_DISTRIBUTIONS = {
    "kernel": _xavier_uniform,
    "embeddings": _xavier_uniform,
    "u": tf.random.stateless_normal,
}
