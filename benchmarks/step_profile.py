"""Where a training step spends its time: operations in the graph, milliseconds by kind and part."""

import collections
import glob
import os
import re

import tensorflow as tf
from tensorflow.tsl.profiler.protobuf import xplane_pb2

from sagan_tf.training import memory_estimate

_LINEAR = ("Conv2D", "Conv2DBackpropInput", "Conv2DBackpropFilter", "MatMul", "BatchMatMulV2")
_STEPS = 3
_NOT_IN_THE_STEP = ("__inference", "Eager")
# What the names of operations say about them; the first that fits counts. Gradients carry the
# name scopes of what they are gradients of.
_PARTS = {
    "convolutions": r":.*Conv2D|products/MatMul",
    "spectral normalization": "spectral_norm",
    "batch normalization": "batch_norm",
    "attention": "attention",
    "around convolutions": r"conv|shortcut|to_image|winograd",
    "optimizers": r"(^|/)adam",
}


def linear_operations(graph):
    """Multiplications and additions of the convolutions and matrix products that a graph runs.

    Power iterations' products with a vector are among them: less than a hundredth.
    """
    linear = {op.name for op in memory_estimate.needed_operations(graph) if op.type in _LINEAR}
    options = tf.compat.v1.profiler.ProfileOptionBuilder.float_operation()
    options["output"] = "none"
    nodes = [tf.compat.v1.profiler.profile(graph, cmd="scope", options=options)]
    found = 0
    while nodes:
        node = nodes.pop()
        nodes.extend(node.children)
        if node.name in linear:
            found += node.float_ops
    return found


def write(run_step, graph, directory):
    """Writes a TensorBoard profile of some steps, and prints the most expensive operations.

    Args:
        run_step: runs the step once.
        graph: of the step.
        directory: where the profile goes.
    """
    tf.profiler.experimental.start(directory)
    for _ in range(_STEPS):
        run_step()
    tf.profiler.experimental.stop()
    newest = max(glob.glob(f"{directory}/**/*.xplane.pb", recursive=True), key=os.path.getmtime)
    with open(newest, "rb") as file:
        space = xplane_pb2.XSpace.FromString(file.read())
    kinds, parts, count = collections.Counter(), collections.Counter(), collections.Counter()
    sums = _sums_for_spectral_norm(graph)
    for name, milliseconds in _operations(space):
        kind = name.rsplit(":", 1)[1]
        kinds[kind] += milliseconds / _STEPS
        count[kind] += 1 / _STEPS
        part = next((part for part, sign in _PARTS.items() if re.search(sign, name)), "the rest")
        if name.rsplit(":", 1)[0] in sums:
            part = "spectral normalization"
        parts[part] += milliseconds / _STEPS
    total = sum(kinds.values())
    print(f"{'operation':32}{'ms a step':>12}{'share':>8}{'calls':>8}")
    for kind, milliseconds in kinds.most_common(10):
        print(f"{kind:32}{milliseconds:12.1f}{milliseconds / total:8.1%}{count[kind]:8.0f}")
    print(f"{'part':32}{'ms a step':>12}{'share':>8}")
    for part, milliseconds in parts.most_common():
        print(f"{part:32}{milliseconds:12.1f}{milliseconds / total:8.1%}")


def _sums_for_spectral_norm(graph):
    """Names of the sums of a kernel's gradients, one of which is sigma's; their names don't say."""
    return {
        op.name
        for op in graph.get_operations()
        if op.type == "AddN" and any("spectral_norm" in tensor.op.name for tensor in op.inputs)
    }


def _operations(space):
    """(name:kind, milliseconds) of each operation that an executor ran."""
    for plane in space.planes:
        for line in plane.lines:
            for event in line.events:
                name = plane.event_metadata[event.metadata_id].name
                # TensorFlow's own events have "::"; a function's, and what ran outside of the
                # step, contain or are no operations of it.
                if ":" in name and "::" not in name and not name.startswith(_NOT_IN_THE_STEP):
                    yield name, event.duration_ps / 1e9
