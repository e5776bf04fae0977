"""What serving costs: the loaded signatures against the generator in memory, in one run.

    python benchmarks/serving.py --preset=imagenet_128

All calls of a batch size take turns, and the shortest time of each counts: other work on the
machine only adds. Targets: `serving_default` at most 1.05 times the in-memory call,
`generate_png` at most 1.25 times `generate`, and, for `imagenet_128`, at most 1.05 times the
float32 weights on disk.
"""

import math
import os
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import tensorflow as tf
from absl import flags

from sagan_tf import command_line, config
from sagan_tf.keras_compat import named_variables
from sagan_tf.models import factory
from sagan_tf.serving import folding, warmup
from sagan_tf.serving.saved_model import export

flags.DEFINE_string("preset", "imagenet_128", f"one of {', '.join(config.names())}")
flags.DEFINE_list("batch_sizes", ["1", "64"], "images in a call")
flags.DEFINE_integer("repeats", 15, "timed calls of each kind", lower_bound=1)
FLAGS = flags.FLAGS

LATENCY_TARGET, PNG_TARGET, DISK_TARGET = 1.05, 1.25, 1.05


def main():
    model = factory.build_model(config.get(FLAGS.preset))
    generator = folding.fold_spectral_norm(model.ema_generator)
    with tempfile.TemporaryDirectory() as directory:
        begin = time.perf_counter()
        path = export(model, directory)
        print(f"export: {time.perf_counter() - begin:.1f} s")
        report_size(path, generator)
        begin = time.perf_counter()
        loaded = tf.saved_model.load(path)
        print(f"load: {time.perf_counter() - begin:.2f} s")
        for batch_size in map(int, FLAGS.batch_sizes):
            report_latency(model, generator, loaded, batch_size)


def report_size(path, generator):
    weights = sum(4 * math.prod(v.shape) for v in named_variables(generator).values())
    on_disk = sum(
        os.path.getsize(os.path.join(folder, name))
        for folder, _, names in os.walk(path)
        for name in names
    )
    ratio = on_disk / weights
    # Small models have little to set against the graph of half a megabyte.
    judged = verdict(ratio, DISK_TARGET) if FLAGS.preset == "imagenet_128" else f"{ratio:.3f}"
    print(
        f"on disk: {on_disk / 1e6:.2f} MB for {weights / 1e6:.2f} MB of float32 weights: {judged}"
    )


def report_latency(model, generator, loaded, batch_size):
    live, plain = tf.function(model.ema_generator), tf.function(generator)
    calls = {
        "in memory": in_memory(live, generator, batch_size),
        "in memory, folded": in_memory(plain, generator, batch_size),
        **{
            name: signature(function, generator, name, batch_size)
            for name, function in loaded.signatures.items()
        },
    }
    times = measure(calls)
    print(f"\nbatch {batch_size}: shortest of {FLAGS.repeats}, and its processor time")
    for name, (seconds, cpu_seconds) in times.items():
        print(f"  {name:20} {1e3 * seconds:9.2f} ms {1e3 * cpu_seconds:9.2f} ms")
    for name, base, target in (
        ("serving_default", "in memory", LATENCY_TARGET),
        ("serving_default", "in memory, folded", LATENCY_TARGET),
        ("generate_png", "generate", PNG_TARGET),
    ):
        print(f"  {name} / {base}: {verdict(times[name][0] / times[base][0], target)}")


def in_memory(function, generator, batch_size):
    inputs = warmup.example_inputs(generator, "serving_default", batch_size)
    latents, labels = tf.constant(inputs["latents"]), inputs.get("labels")
    labels = None if labels is None else tf.constant(labels)
    return lambda: function(latents, labels).numpy()


def signature(function, generator, name, batch_size):
    inputs = warmup.example_inputs(generator, name, batch_size)
    tensors = {key: tf.constant(value) for key, value in inputs.items()}
    return lambda: [value.numpy() for value in function(**tensors).values()]


def measure(calls):
    """Shortest wall time of each call, and its processor time, in seconds; they take turns."""
    times = {name: [] for name in calls}
    for repeat in range(FLAGS.repeats + 1):
        for name, call in calls.items():
            begin, cpu_begin = time.perf_counter(), time.process_time()
            call()
            if repeat:  # the first call traces and allocates
                taken = (time.perf_counter() - begin, time.process_time() - cpu_begin)
                times[name].append(taken)
    return {name: min(taken) for name, taken in times.items()}


def verdict(ratio, target):
    return f"{ratio:.3f} (target {target}: {'reached' if ratio <= target else 'MISSED'})"


if __name__ == "__main__":
    command_line.run(main)
