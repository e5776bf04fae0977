"""A training step written out: the folder that export_step.py makes and run_step.py reads.

`manifest.json` names what the program takes and returns, `step.mlir` is the program in StableHLO,
and `expected.npz` holds numbers of the first step's outputs as the CPU computed them. Inputs are
not stored but drawn from a seed: the folder stays small enough for any way to a GPU. This module
needs NumPy alone.
"""

import json
import os
import typing

import numpy as np

MANIFEST, PROGRAM, EXPECTED = "manifest.json", "step.mlir", "expected.npz"
_SAMPLE = 4096  # numbers kept of each output
# What is zero but for rounding, as gradients of biases before a batch norm are, is compared with
# the largest number of its kind instead of with itself.
_FLOOR = 1e-3


class Export(typing.NamedTuple):
    """What a folder holds; `expected` is None where the CPU was not asked."""

    manifest: dict
    program: str
    expected: typing.Optional[list]


def write(folder, export):
    """Writes an `Export` into a new folder, whole or not at all."""
    folder = os.path.abspath(folder)
    beside = f"{folder}.tmp-{os.getpid()}"
    os.makedirs(beside)
    _write_text(os.path.join(beside, MANIFEST), json.dumps(export.manifest, indent=1))
    _write_text(os.path.join(beside, PROGRAM), export.program)
    if export.expected is not None:
        np.savez_compressed(os.path.join(beside, EXPECTED), *export.expected)
    os.rename(beside, folder)


def _write_text(path, text):
    with open(path, "w") as file:
        file.write(text)


def read(folder):
    """The `Export` in a folder; FileNotFoundError if there is none."""
    with open(os.path.join(folder, MANIFEST)) as file:
        manifest = json.load(file)
    with open(os.path.join(folder, PROGRAM)) as file:
        program = file.read()
    path = os.path.join(folder, EXPECTED)
    if not os.path.exists(path):
        return Export(manifest, program, None)
    with np.load(path) as arrays:
        return Export(manifest, program, [arrays[f"arr_{i}"] for i in range(len(arrays.files))])


def draw(inputs, index):
    """The input of that index as the manifest describes it: the same numbers everywhere."""
    entry = inputs[index]
    shape, dtype = entry["shape"], np.dtype(entry["dtype"])
    if "fill" in entry:
        return np.full(shape, entry["fill"], dtype)
    # RandomState's stream is the one that NumPy promises never to change.
    random = np.random.RandomState(index)
    if "integers" in entry:
        return np.asarray(random.randint(*entry["integers"], size=shape), dtype)
    return np.asarray(random.uniform(*entry["uniform"], size=shape), dtype)


def sample(output):
    """Up to 4096 numbers of an output, evenly spaced."""
    flat = np.asarray(output).reshape(-1)
    return flat[:: max(1, -(-flat.size // _SAMPLE))]


def largest_difference(outputs, samples, expected):
    """The largest difference between samples of outputs, the name of that output, and the median.

    Each is relative to the largest number expected of that output, or to a thousandth of the
    largest of its kind (all momenta of the generator are one kind) if that is more.

    Args:
        outputs: the manifest's.
        samples: of the outputs, arrays.
        expected: the same as the CPU computed it.
    """
    kinds = [entry["name"].split("/")[0] for entry in outputs]
    sizes = [np.max(np.abs(array.astype(np.float64))) for array in expected]
    scale = {}
    for kind, size in zip(kinds, sizes):
        scale[kind] = max(size, scale.get(kind, 0.0))
    differences = []
    for kind, size, got, wanted in zip(kinds, sizes, samples, expected):
        difference = np.max(np.abs(got.astype(np.float64) - wanted))
        differences.append(difference / (max(size, _FLOOR * scale[kind]) or 1.0))
    worst = int(np.argmax(differences))  # NaN counts as the largest
    return float(differences[worst]), outputs[worst]["name"], float(np.median(differences))
