"""Writes the compiled training step of a preset, to run where TensorFlow is absent.

`python benchmarks/gpu/export_step.py --preset=imagenet_128 --batch_size=8 --out=DIR` lowers the
real `SAGAN.train_step` for XLA, as `jit_compile=True` does, and writes the program beside a
manifest of its inputs and outputs. The folder holds what the CPU computed in one such step too,
so that a device can be checked; `--nocheck` leaves that out where the batch is too large for it.
"""

import collections
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.dirname(sys.path[0]))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import configuration
import exported
import numpy as np
import stablehlo
import step_profile
import tensorflow as tf
from absl import flags

from sagan_tf import command_line, ops
from sagan_tf.errors import ExportError, StackError
from sagan_tf.keras_compat import IS_KERAS_3, named_variables, optimizer_state
from sagan_tf.models import factory

FLAGS = flags.FLAGS

Part = collections.namedtuple("Part", "name variable")


def define_flags():
    configuration.define_flags()
    flags.adopt_module_key_flags(configuration)
    flags.DEFINE_string("out", None, "the folder to write; it must not exist")
    flags.DEFINE_enum("device", "gpu", ["gpu", "tpu"], "kind of device that the program is for")
    flags.DEFINE_bool("check", True, "run the step here too, for what a device should compute")


def main():
    if FLAGS.out is None or os.path.exists(FLAGS.out):
        raise ExportError(f"out={FLAGS.out!r} is not allowed; out must be a folder to be made")
    experiment = configuration.chosen()
    model = factory.build_model(experiment)
    with ops.using(experiment.ops, FLAGS.device):
        export = export_step(model, experiment, FLAGS.check, FLAGS.set)
    exported.write(FLAGS.out, export)
    print(
        f"Exported: {FLAGS.out} ({len(export.manifest['inputs'])} inputs, "
        f"{len(export.manifest['outputs'])} outputs, {export.manifest['gflop_per_step']} GFLOP)"
    )


def export_step(model, experiment, check=True, changes=()):
    """The `exported.Export` of a model's training step; the model gets the numbers it names.

    Args:
        model: what `factory.build_model(experiment)` made.
        experiment: `ExperimentConfig`.
        check: whether to run the step, which updates the model.
        changes: texts for the manifest that say how the preset was changed.

    Raises:
        StackError: this TensorFlow does not print StableHLO.
    """
    if not IS_KERAS_3:
        raise StackError(f"TensorFlow {tf.__version__} does not print StableHLO; 2.16 does")
    data = _data(experiment)
    batch = [exported.draw(data, index) for index in range(len(data))]
    step = tf.function(lambda *batch: model.train_step(batch), jit_compile=True)
    function = step.get_concrete_function(*batch)
    names = {id(part.variable.handle): part for part in state(model)}
    parts = [names[id(handle)] for handle in function.captured_inputs]
    inputs = data + [_describe(part) for part in parts]
    for index, part in enumerate(parts, start=len(data)):
        part.variable.assign(exported.draw(inputs, index))

    program = step.experimental_get_compiler_ir(*batch)(stage="stablehlo")
    returned = [f"returned/{name}" for name in sorted(function.structured_outputs)]
    outputs = _outputs(program, returned, inputs)
    manifest = {
        "preset": experiment.preset,
        "batch_size": experiment.global_batch_size,
        "images_per_step": experiment.global_batch_size * experiment.d_steps,
        "precision": experiment.precision,
        "changes": list(changes),
        "gflop_per_step": round(step_profile.linear_operations(function.graph) / 1e9, 1),
        "tensorflow": tf.__version__,
        "inputs": inputs,
        "outputs": outputs,
    }
    expected = _expected(step, batch, outputs, parts, len(data)) if check else None
    return exported.Export(manifest, stablehlo.portable(program), expected)


def state(model):
    """Every variable that a training step can read or write, as `Part`s with unlike names."""
    parts = []
    for network in ("generator", "discriminator", "ema_generator"):
        for path, variable in named_variables(getattr(model, network)).items():
            parts.append(Part(f"{network}/{path}", variable.value))
    for network in ("generator", "discriminator"):
        optimizer = getattr(model, f"{network}_optimizer")
        moments = optimizer_state(optimizer, getattr(model, network))
        for path, variable in moments.items():
            parts.append(Part(f"{network}_{path}", variable.value))
        parts.append(Part(f"{network}_learning_rate", optimizer.learning_rate.value))
    for metric in model.metrics:
        for variable in metric.variables:
            parts.append(Part(f"metrics/{metric.name}/{variable.name}", variable.value))
    for name in ("step", "first_nonfinite_step"):
        parts.append(Part(name, getattr(model, name).value))
    return parts


def _data(experiment):
    size = experiment.global_batch_size * experiment.d_steps
    shape = [size, experiment.resolution, experiment.resolution, experiment.channels]
    classes = experiment.num_classes or 1
    return [
        {"name": "images", "shape": shape, "dtype": "uint8", "integers": [0, 256]},
        {"name": "labels", "shape": [size], "dtype": "int32", "integers": [0, classes]},
    ]


def _describe(part):
    """The manifest's entry of a variable: its present values, or numbers spread like them.

    What training would leave at 0 in the first step, such as biases and the attention's gate, is
    spread too, and Adam's second moments are not 0: its first step would tell the gradients'
    signs alone, which rounding decides where a gradient is as good as 0.
    """
    values = part.variable.numpy()
    entry = {"name": part.name, "shape": list(values.shape), "dtype": values.dtype.name}
    kind = part.name.split("/")[0]
    if kind in ("generator", "discriminator", "ema_generator"):
        middle, spread = float(values.mean()), float(values.std() * 3**0.5) or 0.1
        return {**entry, "uniform": [middle - spread, middle + spread]}
    if kind.endswith("_velocity"):
        return {**entry, "uniform": [5e-5, 1e-4]}
    return {**entry, "fill": values.flat[0].item()}


def _outputs(program, returned, inputs):
    """The manifest's entries of what the program returns."""
    arguments, results = stablehlo.signature(program)
    if arguments != [(tuple(entry["shape"]), entry["dtype"]) for entry in inputs]:
        raise RuntimeError("the program's arguments are not the function's inputs and variables")
    replaced = stablehlo.replaced_inputs(program)
    if sorted(replaced) != list(range(len(returned), len(results))):
        raise RuntimeError("the program returns more than metrics and updated variables")
    outputs = []
    for index, (shape, dtype) in enumerate(results):
        given = replaced.get(index)
        name = returned[index] if given is None else inputs[given]["name"]
        outputs.append({"name": name, "shape": shape, "dtype": dtype, "replaces": given})
    return outputs


def _expected(step, batch, outputs, parts, first_variable):
    """Samples of the outputs as TensorFlow's own run of the compiled step leaves them."""
    metrics = step(*batch)
    expected = []
    for entry in outputs:
        if entry["replaces"] is None:
            output = metrics[entry["name"].partition("/")[2]]
        else:
            output = parts[entry["replaces"] - first_variable].variable
        expected.append(np.array(exported.sample(output.numpy())))
    return expected


if __name__ == "__main__":
    define_flags()
    command_line.run(main)
