"""What a training step costs: `python benchmarks/train_step.py --batch_size=8`.

One JSON line: images a second through a full D and G update by the real `SAGAN.train_step`, the
convolutions' and matrix products' operations a second, and what share that is of this machine's
own ceiling, a lone 3x3 convolution or matrix product at the same precision in the same process.
benchmarks/README.md says how to read it. `--profile=DIR` also writes a TensorBoard profile and
prints where the time goes.
"""

import json
import os
import platform
import resource
import statistics
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import configuration
import step_profile
import tensorflow as tf
from absl import flags

from sagan_tf import command_line, ops
from sagan_tf.models import factory
from sagan_tf.training import loop
from sagan_tf.training import strategy as strategies

configuration.define_flags()
flags.adopt_module_key_flags(configuration)
flags.DEFINE_enum("strategy", "default", ["default", "auto", "mirrored", "tpu"], "as train/main.py")
flags.DEFINE_integer("steps", 10, "timed steps", lower_bound=1)
flags.DEFINE_string("profile", None, "directory for a TensorBoard profile of three more steps")
FLAGS = flags.FLAGS

_WARM_UP = 2
_CEILING_REPEATS = 5
# (batch, size, channels) of a lone 3x3 convolution; the fastest of them is the ceiling.
_CONVOLUTIONS = ((16, 64, 128), (16, 32, 256), (16, 16, 512))
_MATRIX = 2048


def main():
    experiment = configuration.chosen()
    with ops.using(experiment.ops):
        result = measure(experiment, strategies.make(FLAGS.strategy))
    print(json.dumps(result), flush=True)


def measure(experiment, strategy):
    """The figures of one configuration, a dict of JSON values."""
    before = peak_memory()
    begin = time.perf_counter()
    with strategy.scope():
        model = factory.build_model(experiment)
    batch = random_batch(experiment, strategy)
    train_step = loop.replica_step(model, strategy)
    step = tf.function(lambda data: strategy.run(train_step, args=(data,)))
    built = time.perf_counter()
    graph = step.get_concrete_function(batch).graph
    seconds_of(step, batch, model)
    first = time.perf_counter() - built
    for _ in range(_WARM_UP):
        seconds_of(step, batch, model)
    ceilings = [ceiling(experiment.precision)]
    seconds = [seconds_of(step, batch, model) for _ in range(FLAGS.steps)]
    peak = peak_memory()  # the second ceiling is no part of the step's
    ceilings.append(ceiling(experiment.precision))
    operations = step_profile.linear_operations(graph)
    images = experiment.global_batch_size * experiment.d_steps
    median = statistics.median(seconds)
    best = {name: max(c[name] for c in ceilings) for name in ceilings[0]}
    if FLAGS.profile:
        step_profile.write(lambda: seconds_of(step, batch, model), graph, FLAGS.profile)
    return {
        "preset": experiment.preset,
        "batch_size": experiment.global_batch_size,
        "precision": experiment.precision,
        "ops": experiment.ops,
        "strategy": FLAGS.strategy,
        "changes": FLAGS.set,
        "images_per_second": round(images / median, 4),
        "slowest": round(images / max(seconds), 4),
        "fastest": round(images / min(seconds), 4),
        "gflop_per_step": round(operations / 1e9, 1),
        "gflops": round(operations / median / 1e9, 1),
        "convolution_ceiling_gflops": round(best["convolution"] / 1e9, 1),
        "matrix_ceiling_gflops": round(best["matrix"] / 1e9, 1),
        "share_of_convolution_ceiling": round(operations / median / best["convolution"], 3),
        "first_step_seconds": round(first, 1),
        "build_seconds": round(built - begin, 1),
        "peak_memory_mb": round(peak / 2**20),
        "memory_before_mb": round(before / 2**20),
        "graph_operations": len(graph.get_operations()),
        "device": device_name(),
        "tensorflow": tf.__version__,
    }


def random_batch(experiment, strategy):
    """One batch, cut into a part a replica, that every step trains on."""
    size = experiment.global_batch_size * experiment.d_steps
    shape = (size, experiment.resolution, experiment.resolution, experiment.channels)
    images = tf.cast(tf.random.stateless_uniform(shape, (0, 0), 0, 256, tf.int32), tf.uint8)
    classes = experiment.num_classes or 1
    labels = tf.random.stateless_uniform((size,), (0, 1), 0, classes, tf.int32)
    dataset = tf.data.Dataset.from_tensors((images, labels))
    return next(iter(strategy.experimental_distribute_dataset(dataset.unbatch().batch(size, True))))


def seconds_of(step, batch, model):
    begin = time.perf_counter()
    step(batch)
    model.step.numpy()  # waits for an accelerator
    return time.perf_counter() - begin


def ceiling(precision):
    """The fastest that this device convolves and multiplies now, in operations a second."""
    dtype = tf.bfloat16 if precision == "mixed_bfloat16" else tf.float32

    @tf.function
    def convolve(images, kernel):
        return tf.nn.conv2d(images, kernel, 1, "SAME")

    rates = []
    for batch, size, channels in _CONVOLUTIONS:
        images = tf.ones((batch, size, size, channels), dtype)
        kernel = tf.ones((3, 3, channels, channels), dtype)
        operations = 2 * 9 * batch * size * size * channels * channels
        rates.append(operations / _shortest(convolve, images, kernel))
    matrix = tf.ones((_MATRIX, _MATRIX), dtype)
    multiply = tf.function(tf.matmul)
    return {
        "convolution": max(rates),
        "matrix": 2 * _MATRIX**3 / _shortest(multiply, matrix, matrix),
    }


def _shortest(function, *arguments):
    times = []
    for _ in range(_CEILING_REPEATS + 1):
        begin = time.perf_counter()
        tf.reduce_sum(function(*arguments)[0]).numpy()
        times.append(time.perf_counter() - begin)
    return min(times[1:])


def peak_memory():
    """Most bytes held so far: of the device, or of this process where the device is the CPU."""
    devices = tf.config.list_logical_devices("GPU")
    if devices:
        return sum(tf.config.experimental.get_memory_info(d.name)["peak"] for d in devices)
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def device_name():
    """What the figures belong to."""
    gpus = tf.config.list_physical_devices("GPU")
    if gpus:
        return tf.config.experimental.get_device_details(gpus[0]).get("device_name", "GPU")
    with open("/proc/cpuinfo") as file:
        names = {line.split(":")[1].strip() for line in file if line.startswith("model name")}
    return f"{len(os.sched_getaffinity(0))} cores, {next(iter(names), platform.machine())}"


if __name__ == "__main__":
    command_line.run(main)
