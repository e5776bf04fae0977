"""The other stack, for tests of what crosses: another Python, with another TensorFlow.

SAGAN_TF_OTHER_PYTHON names it; `make test-tf215` sets that to the default stack's.
"""

import functools
import os
import subprocess

import pytest

OTHER_PYTHON = os.environ.get("SAGAN_TF_OTHER_PYTHON")
needs_other_python = pytest.mark.skipif(
    not OTHER_PYTHON, reason="SAGAN_TF_OTHER_PYTHON names no Python with another TensorFlow"
)


@functools.cache
def other_tensorflow():
    """The directory of the other Python's `tensorflow` package."""
    program = "from importlib import util; print(util.find_spec('tensorflow').origin)"
    command = [OTHER_PYTHON, "-c", program]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return os.path.dirname(printed.strip())
