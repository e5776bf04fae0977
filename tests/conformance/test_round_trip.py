"""Every layer and network comes back from its configuration and from a file."""

import json

import keras
import numpy as np
import pytest

from tests.conformance import cases


def _randomize(layer):
    """Gives every weight a value of its own, so that a weight left out shows."""
    random = np.random.default_rng(3)
    for weight in layer.weights:
        weight.assign(np.asarray(weight) + random.uniform(0.1, 0.5, weight.shape))


@pytest.mark.parametrize("name", cases.ALL)
def test_config_round_trip_gives_equal_outputs(name):
    layer, inputs = cases.make(name)
    _randomize(layer)
    config = json.loads(json.dumps(layer.get_config()))
    again = type(layer).from_config(config)
    again(*inputs)
    again.set_weights(layer.get_weights())
    np.testing.assert_array_equal(again(*inputs), layer(*inputs))


@pytest.mark.parametrize("name", cases.NETWORKS)
def test_network_saves_and_loads_as_keras_file(name, tmp_path):
    network, inputs = cases.make(name)
    _randomize(network)
    network.save(tmp_path / "network.keras")
    again = keras.saving.load_model(tmp_path / "network.keras")
    assert len(again.weights) == len(network.weights)
    np.testing.assert_array_equal(again(*inputs), network(*inputs))


@pytest.mark.parametrize("name", cases.LAYERS)
def test_layer_saves_and_loads_inside_a_functional_model(name, tmp_path):
    layer, inputs = cases.make(name)
    _randomize(layer)
    symbolic = [keras.Input(x.shape[1:], dtype=x.dtype.name) for x in inputs]
    model = keras.Model(symbolic, layer(*symbolic))
    model.save(tmp_path / "layer.keras")
    again = keras.saving.load_model(tmp_path / "layer.keras")
    np.testing.assert_allclose(again(list(inputs)), layer(*inputs), rtol=1e-6, atol=1e-6)
