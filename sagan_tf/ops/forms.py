"""The switch between fast forms and references, and the table of fast forms by device."""

from __future__ import annotations

import contextlib

import tensorflow as tf

from sagan_tf.config import OPS
from sagan_tf.errors import ConfigError

# The kinds of device that a program can be written for. "any" is a program that must be right and
# fast everywhere, such as an export.
DEVICES = ("any", "cpu", "gpu", "tpu")

# The form of each operation in mode "auto", by device in the order of `DEVICES`.
# "merged" joins the convolution with the resampling. "winograd" does too, with fewer products:
# oneDNN has no form like it; cuDNN and XLA choose their own.
_FORMS = {
    "conv3x3": ("merged", "winograd", "merged", "merged"),
    "upsample": ("fast", "fast", "fast", "fast"),
    "batch_norm": ("fast", "fast", "fast", "fast"),
    "spectral_norm": ("fast", "fast", "fast", "fast"),
    "adam": ("fast", "fast", "fast", "fast"),
    "moving_average": ("fast", "fast", "fast", "fast"),
}
_chosen = {"mode": "auto", "device": None}  # of the process: replicas are traced in threads


@contextlib.contextmanager
def using(mode="auto", device=None):
    """Chooses the forms of all operations that are traced inside, in every thread.

    A `tf.function` keeps the forms that it was traced with.

    Args:
        mode: "auto" for the fast forms, "reference" for the paper's equations in plain TensorFlow.
        device: kind of device that the program is for: "any", "cpu", "gpu" or "tpu". None is the
            kind that the current strategy uses, or the best kind on this machine.

    Example:
        >>> with sagan_tf.ops.using("reference"):
        ...     model.train_step((images, labels))

    Raises:
        ConfigError: there is no mode or kind of device of that name.
    """
    if mode not in OPS:
        raise ConfigError("ops", mode, f"one of {', '.join(OPS)}")
    if device is not None and device not in DEVICES:
        raise ConfigError("device", device, f"one of {', '.join(DEVICES)}, or None")
    before = dict(_chosen)
    _chosen.update(mode=mode, device=device)
    try:
        yield
    finally:
        _chosen.update(before)


def form(operation):
    """The form that `operation` takes in the program traced now; "reference" is the plain one."""
    if _chosen["mode"] == "reference":
        return "reference"
    return _FORMS[operation][DEVICES.index(_chosen["device"] or present_device())]


def present_device():
    """The kind of device that runs what is traced now: "cpu", "gpu" or "tpu"."""
    if tf.distribute.has_strategy():
        names = tf.distribute.get_strategy().extended.worker_devices
        kinds = {tf.DeviceSpec.from_string(name).device_type for name in names}
    else:
        kinds = {device.device_type for device in tf.config.list_logical_devices()}
    return next(kind for kind in ("tpu", "gpu", "cpu") if kind.upper() in kinds)
