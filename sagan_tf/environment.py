"""Imports of Keras and Matplotlib that hold in the environments of other projects.

`KERAS_BACKEND` and `keras.json` may name another backend than TensorFlow, and `MPLBACKEND` a
backend that Matplotlib does not know. Both are variables of the process, and stay as they are.
"""

from __future__ import annotations

import contextlib
import os
import sys
import warnings

from sagan_tf.errors import StackError


@contextlib.contextmanager
def _variable(name, value):
    """Sets an environment variable, or removes it for None, and restores it at the end."""
    before = os.environ.pop(name, None)
    if value is not None:
        os.environ[name] = value
    try:
        yield
    finally:
        os.environ.pop(name, None)
        if before is not None:
            os.environ[name] = before


def _import_matplotlib():
    """Imports Matplotlib, which Keras 3 does too; an unknown `MPLBACKEND` would be an error."""
    name = os.environ.get("MPLBACKEND")
    if not name or "matplotlib" in sys.modules:
        return
    with _variable("MPLBACKEND", None):
        import matplotlib
    try:
        matplotlib.rcParams["backend"] = name
    except ValueError:
        warnings.warn(f"MPLBACKEND={name} is unknown to Matplotlib and ignored", stacklevel=2)


def _import_keras():
    """Imports Keras with the TensorFlow backend.

    Raises:
        StackError: Keras was imported before with another backend.
    """
    with _variable("KERAS_BACKEND", "tensorflow"):
        import keras
    backend = keras.backend.backend()
    if backend != "tensorflow":
        raise StackError(
            f"Keras runs on the backend {backend!r}, and sagan_tf needs TensorFlow: set "
            "KERAS_BACKEND=tensorflow, or import sagan_tf before keras"
        )


_import_matplotlib()
_import_keras()
