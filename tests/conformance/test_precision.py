"""Under mixed_bfloat16 weights, `u` and `sigma` stay float32 and outputs stay close."""

import numpy as np
import pytest
import tensorflow as tf

from sagan_tf.keras_compat import named_layers
from sagan_tf.layers.spectral_norm import SpectralNormalized
from tests.conformance import cases


@pytest.mark.parametrize("name", cases.ALL)
def test_mixed_bfloat16(name):
    exact, inputs = cases.make(name)
    mixed, _ = cases.make(name, dtype="mixed_bfloat16")
    assert all(weight.dtype in ("float32", tf.float32) for weight in mixed.weights)
    outputs = mixed(*inputs, training=True)
    expected = np.asarray(exact(*inputs, training=True))
    wanted = tf.float32 if name in cases.NETWORKS else tf.bfloat16
    assert outputs.dtype == wanted
    tolerance = 0.05 * np.abs(expected).max() + 0.02
    np.testing.assert_allclose(tf.cast(outputs, tf.float32), expected, atol=tolerance)
    spectral = [layer for _, layer in named_layers(mixed)] + [mixed]
    for layer in spectral:
        if isinstance(layer, SpectralNormalized):
            assert layer.sigma().dtype == tf.float32
            assert layer.normalized_kernel().dtype == tf.float32
