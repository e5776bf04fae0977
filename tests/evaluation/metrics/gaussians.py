"""Features of which the distances are known."""

import numpy as np


def gaussian(count, dimension, seed, scale=1.0, shift=0.0):
    """Independent normal features (count, dimension)."""
    rng = np.random.default_rng(seed)
    return scale * rng.standard_normal((count, dimension)) + shift
