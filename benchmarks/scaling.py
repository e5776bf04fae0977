"""What training costs beyond the training step: the loop, checkpoints, a second worker.

    python benchmarks/scaling.py --part=loop
    python benchmarks/scaling.py --part=checkpoint --preset=imagenet_128 --batch_size=4
    python benchmarks/scaling.py --part=workers
    python benchmarks/scaling.py --part=count --preset=imagenet_128

What is compared takes turns in one run. Targets: the loop at most 1.02 times the bare step, a
checkpoint stalls training for less than one step, two workers on this machine at least 0.9 of the
rate of one with the same cores and global batch. `count` prints what docs/scaling.md computes
with: operations, bytes to all-reduce, memory.
"""

import io
import itertools
import json
import os
import pathlib
import socket
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import configuration
import step_profile
import tensorflow as tf
from absl import flags

from sagan_tf import command_line, config, ops
from sagan_tf.config.flags import flags_of
from sagan_tf.models import factory
from sagan_tf.models.architecture import count_parameters
from sagan_tf.runs.checkpoints import Checkpoints
from sagan_tf.training import loop, memory_estimate

ROOT = pathlib.Path(__file__).resolve().parents[1]
PARTS = ("loop", "checkpoint", "workers", "count")
flags.DEFINE_enum("part", "loop", PARTS, "what to measure")
configuration.define_flags("fashion_mnist_32")
flags.adopt_module_key_flags(configuration)
flags.DEFINE_integer("steps", 300, "training steps", lower_bound=15)
flags.DEFINE_integer("repeats", 3, "turns that one worker and two workers take", lower_bound=1)
FLAGS = flags.FLAGS

LOOP_TARGET, STALL_TARGET, WORKERS_TARGET = 1.02, 1.0, 0.9


def main():
    parts = {"loop": time_loop, "checkpoint": time_checkpoint, "workers": time_workers}
    experiment = settings()
    # docs/scaling.md estimates accelerators, and only a CPU's program has Winograd's forms.
    device = "gpu" if FLAGS.part == "count" else None
    with ops.using(experiment.ops, device):
        parts.get(FLAGS.part, count)(experiment)


def settings():
    return configuration.chosen().replace(eval_every=None, train_steps=FLAGS.steps)


def time_loop(experiment):
    """The whole of `loop.train`, and after each of its calls as many bare steps on one batch.

    It saves and draws samples as often as the preset, or after every third of the steps.
    """
    turns = []

    def compile_turns(model, strategy):
        run_steps = loop.compiled_loop(model, strategy)
        bare_step = tf.function(lambda batch: strategy.run(model.train_step, args=(batch,)))
        batch = constant_batch(experiment)

        def take_turns(iterator, count):
            begin = time.perf_counter()
            run_steps(iterator, count)
            middle = time.perf_counter()
            for _ in range(int(count)):
                bare_step(batch)
            model.step.numpy()  # waits for an accelerator
            turns.append((int(count), begin, middle, time.perf_counter()))

        return take_turns

    every = min(experiment.checkpoint_every, FLAGS.steps // 3)
    sample_every = min(experiment.sample_every, every)
    experiment = experiment.replace(sample_every=sample_every, checkpoint_every=every)
    with tempfile.TemporaryDirectory() as directory:
        run_dir = os.path.join(directory, "run")
        loop.train(experiment, run_dir, stream=io.StringIO(), compile_steps=compile_turns)
        end = time.perf_counter()
    # The steps up to the first checkpoint trace, draw and save for the first time.
    done = itertools.accumulate(count for count, *_ in turns)
    first = next(index for index, steps in enumerate(done) if steps > every)
    rest, begin = turns[first:], turns[first - 1][-1]
    steps = sum(count for count, *_ in rest)
    bare = sum(after - middle for *_, middle, after in rest)
    inside = sum(middle - before for _, before, middle, _ in rest)
    whole = end - begin - bare
    print(f"bare step {1e3 * bare / steps:.2f} ms, in the compiled loop {1e3 * inside / steps:.2f}")
    print(f"with logs, samples and checkpoints {1e3 * whole / steps:.2f} ms, {steps} steps")
    ratio = whole / bare
    print(f"loop / bare step: {ratio:.3f} ({verdict(ratio <= LOOP_TARGET, LOOP_TARGET)})")


def time_checkpoint(experiment):
    """How long saving keeps training from going on: the call, and slower steps until written."""
    model = factory.build_model(experiment)
    step, batch = tf.function(model.train_step), constant_batch(experiment)

    def timed(function, *arguments, **named):
        begin = time.perf_counter()
        function(*arguments, **named)
        model.step.numpy()
        return time.perf_counter() - begin

    print(f"first step, with tracing: {timed(step, batch):.1f} s")
    usual = min(timed(step, batch) for _ in range(3))
    with tempfile.TemporaryDirectory() as directory:
        checkpoints = Checkpoints(model, directory, keep=1)
        print(f"step {usual:.3f} s")
        for name in ("first", "second", "third"):
            stall = timed(checkpoints.save, wait=False)
            copying, slower = stall, 0
            while checkpoints.is_writing():
                stall += max(timed(step, batch) - usual, 0.0)
                slower += 1
            checkpoints.finish()
            print(
                f"{name} checkpoint: copied in {copying:.3f} s, written during {slower} steps; "
                f"stall {stall / usual:.2f} steps ({verdict(stall < usual, STALL_TARGET)})"
            )
            timed(step, batch)
        waiting = timed(checkpoints.save)
        size = sum(path.stat().st_size for path in pathlib.Path(directory).iterdir())
        print(f"waiting for the file: {waiting / usual:.2f} steps; it has {size / 1e6:.0f} MB")


def time_workers(experiment):
    """One process on all cores, then two on half of them each, in turns."""
    cores = sorted(os.sched_getaffinity(0))
    halves = cores[: len(cores) // 2], cores[len(cores) // 2 :]
    rates = {1: [], 2: []}
    with tempfile.TemporaryDirectory() as directory:
        for turn in range(FLAGS.repeats):
            for count, groups in ((1, [cores]), (2, halves)):
                run_dir = os.path.join(directory, f"{count}_{turn}")
                rates[count].append(cluster_rate(experiment, run_dir, groups))
                print(f"{count} worker(s): {rates[count][-1]:.1f} images/s", flush=True)
    ratio = statistics.median(rates[2]) / statistics.median(rates[1])
    print(f"two workers / one: {ratio:.3f} ({verdict(ratio >= WORKERS_TARGET, WORKERS_TARGET)})")


def cluster_rate(experiment, run_dir, groups):
    """Images a second of a run with one worker for each group of cores."""
    with socket.socket() as one, socket.socket() as other:
        for server in (one, other):
            server.bind(("127.0.0.1", 0))
        addresses = [f"127.0.0.1:{server.getsockname()[1]}" for server in (one, other)]
    experiment = experiment.replace(
        log_every=max(FLAGS.steps // 5, 1),
        sample_every=FLAGS.steps,
        checkpoint_every=FLAGS.steps,
    )
    command = [
        sys.executable,
        str(ROOT / "train" / "main.py"),
        *flags_of(experiment),
        f"--run_dir={run_dir}",
        f"--strategy={'multi_worker' if len(groups) > 1 else 'default'}",
    ]
    processes = []
    for index, group in enumerate(groups):
        task = {"type": "worker", "index": index}
        tf_config = {"cluster": {"worker": addresses[: len(groups)]}, "task": task}
        processes.append(
            subprocess.Popen(
                ["taskset", "-c", ",".join(map(str, group)), *command],
                env={**os.environ, "TF_CONFIG": json.dumps(tf_config)},
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        )
    if any([process.wait() for process in processes]):
        raise RuntimeError(f"a worker failed: {' '.join(command)}")
    lines = pathlib.Path(run_dir, "metrics.jsonl").read_text().splitlines()
    # The first line's time has the tracing in it.
    return statistics.median(json.loads(line)["images_per_second"] for line in lines[1:])


def count(experiment):
    """What a step computes, sends and holds, from the graph."""
    model = factory.build_model(experiment)
    generator, discriminator = map(count_parameters, (model.generator, model.discriminator))
    batch_size = 8
    batch = constant_batch(experiment.replace(global_batch_size=batch_size))
    graph = tf.function(model.train_step).get_concrete_function(batch).graph
    operations = step_profile.linear_operations(graph)
    print(f"{generator:,} + {discriminator:,} parameters")
    print(f"{operations / batch_size / 1e9:.1f} GFLOP an image and step (D and G update)")
    print(f"{4 * (generator + discriminator) / 1e6:.1f} MB of gradients to all-reduce a step")
    for resolution in config.attention_resolutions(experiment.resolution):
        other = factory.build_model(experiment.replace(attention_resolution=resolution))
        kept = memory_estimate.activation_bytes(other, batch_size) / batch_size
        print(f"attention at {resolution}: {kept / 2**20:.1f} MiB of activations an image")


def constant_batch(experiment):
    size = experiment.global_batch_size * experiment.d_steps
    shape = (size, experiment.resolution, experiment.resolution, experiment.channels)
    return tf.zeros(shape, tf.uint8), tf.zeros((size,), tf.int32)


def verdict(reached, target):
    return f"target {target}: {'reached' if reached else 'MISSED'}"


if __name__ == "__main__":
    command_line.run(main)
