"""Runs a step that export_step.py wrote on what JAX finds: `python run_step.py --dir=DIR`.

One JSON line: images a second through the real D and G update, compiled by XLA for this device,
with weights and optimizers staying on it. Needs jax and NumPy; neither TensorFlow nor sagan_tf.
"""

import argparse
import json
import os
import time

import exported
import jax
import jaxlib
import timing
from jax.extend.backend import get_backend
from jaxlib import _jax

jax.config.update("jax_enable_x64", True)  # counters are int64

_WARM_UP = 2


class Step:
    """An exported step on a device: each call trains on from where the last one ended.

    Args:
        export: `exported.Export`.
        device: a JAX device; None for the first.
    """

    def __init__(self, export, device=None):
        self.export = export
        self._device = device or jax.devices()[0]
        begin = time.perf_counter()
        devices = _jax.DeviceList((self._device,))
        backend = get_backend(self._device.platform)
        options = _jax.CompileOptions()
        self._executable = backend.compile_and_load(export.program, devices, options)
        self.compile_seconds = time.perf_counter() - begin
        self.restart()

    def restart(self):
        """Puts the inputs that the manifest names on the device."""
        inputs = self.export.manifest["inputs"]
        self._arguments = [
            jax.device_put(exported.draw(inputs, index), self._device)
            for index in range(len(inputs))
        ]

    def __call__(self):
        """Runs one step; what it returned and the state it left stay on the device."""
        self._latest = self._executable.execute(self._arguments)
        for entry, output in zip(self.export.manifest["outputs"], self._latest):
            # The program was given that input's memory for this output.
            if entry["replaces"] is not None:
                self._arguments[entry["replaces"]] = output
        jax.block_until_ready(self._latest)

    def results(self):
        """Outputs of the latest step by name, on the device."""
        names = (entry["name"] for entry in self.export.manifest["outputs"])
        return dict(zip(names, self._latest))

    def difference(self):
        """How far the latest step, the first, is from the CPU's.

        See `exported.largest_difference`; (None, None, None) where the CPU was not asked.
        """
        if self.export.expected is None:
            return None, None, None
        samples = [exported.sample(array) for array in self._latest]
        outputs = self.export.manifest["outputs"]
        return exported.largest_difference(outputs, samples, self.export.expected)

    def device_name(self):
        kind = self._device.device_kind
        return timing.host_name() if kind == "cpu" else kind

    def peak_memory_mb(self):
        """Most memory held so far: of the device where it tells, else of this process."""
        statistics = self._device.memory_stats()
        if statistics is None:
            return timing.host_peak_mb()
        return round(statistics["peak_bytes_in_use"] / 2**20)


def measure(step, repeats):
    """The figures of a `Step` over so many timed calls, a dict of JSON values."""
    step.restart()
    step()
    difference, worst, median = step.difference()
    timing.seconds_of(step, _WARM_UP)
    seconds = timing.seconds_of(step, repeats)
    manifest = step.export.manifest
    return {
        "program": "sagan_tf",
        **{name: manifest[name] for name in ("preset", "batch_size", "precision", "changes")},
        **timing.rates(seconds, manifest["images_per_step"], manifest["gflop_per_step"]),
        "compile_seconds": round(step.compile_seconds, 1),
        "peak_memory_mb": step.peak_memory_mb(),
        "largest_relative_difference": difference,
        "at_output": worst,
        "median_relative_difference": median,
        "device": step.device_name(),
        "runtime": f"jaxlib {jaxlib.__version__}",
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dir", required=True, help="folder that export_step.py wrote")
    parser.add_argument("--steps", type=int, default=20, help="timed steps")
    arguments = parser.parse_args()
    if arguments.steps < 1:
        parser.error(f"--steps={arguments.steps} is not allowed; it must be an integer from 1")
    if not os.path.exists(os.path.join(arguments.dir, exported.MANIFEST)):
        parser.error(f"--dir={arguments.dir} is no folder that export_step.py wrote")
    step = Step(exported.read(arguments.dir))
    print(json.dumps(measure(step, arguments.steps)), flush=True)


if __name__ == "__main__":
    main()
