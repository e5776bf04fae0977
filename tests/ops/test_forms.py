"""Which forms of the operations run: the switch, the devices, and the whole training step."""

import threading

import numpy as np
import pytest
import tensorflow as tf

from sagan_tf import ops
from sagan_tf.errors import ConfigError
from sagan_tf.keras_compat import named_variables
from sagan_tf.models import factory
from sagan_tf.ops import forms


def test_the_table_holds_for_the_kind_of_device():
    assert forms.form("conv3x3") == "winograd"  # this machine's device, a CPU
    for device, expected in {"any": "merged", "gpu": "merged", "cpu": "winograd"}.items():
        with ops.using("auto", device):
            assert forms.form("conv3x3") == expected


def test_the_choice_holds_in_every_thread_and_ends():
    found = []
    with ops.using("reference"):
        with ops.using("auto", "tpu"):
            assert forms.form("conv3x3") == "merged"
        thread = threading.Thread(target=lambda: found.append(forms.form("adam")))
        thread.start()
        thread.join()
    assert found == ["reference"]
    assert forms.form("adam") == "fast"


def test_the_strategys_devices_decide(two_replicas, monkeypatch):
    devices = [tf.config.LogicalDevice("/device:GPU:0", "GPU")]
    monkeypatch.setattr(tf.config, "list_logical_devices", lambda: devices)
    assert forms.present_device() == "gpu"
    with two_replicas.scope():
        assert forms.present_device() == "cpu"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("fast",), "ops='fast'.*auto, reference"),
        (("auto", "xpu"), "device='xpu'.*any, cpu, gpu, tpu"),
    ],
)
def test_other_names_are_refused(arguments, message):
    with pytest.raises(ConfigError, match=message), ops.using(*arguments):
        pass


def test_a_training_step_of_references_equals_the_fast_one(tiny_config, tiny_batch):
    models = []
    for mode in ("auto", "reference"):
        model = factory.build_model(tiny_config)
        step = tf.function(model.train_step)
        with ops.using(mode):
            for _ in range(2):
                step(tuple(map(tf.constant, tiny_batch)))
        models.append(model)
    for network in ("generator", "discriminator", "ema_generator"):
        fast, plain = (named_variables(getattr(model, network)) for model in models)
        for path, one in fast.items():
            # Before batch norm a bias has a gradient of 0 but for rounding, which Adam scales up.
            is_noise = path.endswith("bias") and "block" in path and network != "discriminator"
            atol = 4 * tiny_config.generator_learning_rate if is_noise else 5e-5
            np.testing.assert_allclose(one, plain[path], rtol=1e-3, atol=atol, err_msg=path)
