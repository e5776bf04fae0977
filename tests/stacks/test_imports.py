"""The library stands alone: what the tests compare it with is never imported by it."""

import subprocess
import sys

ORACLES = {"tensorflow_gan", "tensorflow_addons", "torch", "torchmetrics", "prdc"}


def test_importing_the_library_imports_no_oracle():
    program = "import sys, sagan_tf; print(*{name.split('.')[0] for name in sys.modules})"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    loaded = set(done.stdout.split())
    assert "sagan_tf" in loaded and "tensorflow" in loaded, done.stderr
    assert not loaded & ORACLES
