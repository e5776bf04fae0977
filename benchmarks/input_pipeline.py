"""Rates of the input pipeline: `python benchmarks/input_pipeline.py`.

Prints three ratios and one time, each from this one run:
- JPEG files of 500x375 to batches of 128x128, against `tf.io.decode_jpeg` alone on the same files;
- the same images prepared as TFRecords, against the JPEG files;
- the cost of a batch of the bundled images, against a training step of `fashion_mnist_32`;
- the time to list a folder of 100,000 images.

Contenders take turns and each keeps its best, so that other work on the machine does not decide;
CPU time an image says the same where cores are shared. The images are random shapes on several
scales plus sensor noise; `--images` takes a folder of real ones instead.
"""

import argparse
import os
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import tensorflow as tf

from sagan_tf import config as configs
from sagan_tf.data import pipeline, preparation, sources
from sagan_tf.data.folder import FolderSource
from sagan_tf.models import factory

BATCH = 64


def write_photos(directory, count):
    """Writes JPEGs of 500x375, one in three upright, in two class folders."""
    random = np.random.default_rng(0)
    for index in range(count):
        size = (375, 500) if index % 3 else (500, 375)
        image = random.normal(127, 6, (*size, 3))
        for cells, strength in ((4, 60), (16, 40), (64, 25), (250, 12)):
            coarse = random.uniform(-strength, strength, (cells, cells, 3))
            image += tf.image.resize(coarse, size, method="bicubic").numpy()
        encoded = tf.io.encode_jpeg(np.clip(image, 0, 255).astype(np.uint8), quality=90)
        path = os.path.join(directory, str(index % 2), f"{index:05d}.jpg")
        os.makedirs(os.path.dirname(path), exist_ok=True)
        tf.io.write_file(path, encoded)


def decode_alone(paths):
    """Full-size images of JPEG files, endlessly: the yardstick."""
    files = tf.data.Dataset.from_tensor_slices(paths).repeat()
    return files.map(
        lambda path: tf.io.decode_jpeg(tf.io.read_file(path), channels=3),
        num_parallel_calls=tf.data.AUTOTUNE,
    ).prefetch(BATCH)


def compare(contenders, rounds, count):
    """The best [wall, CPU] seconds an image of each contender.

    Args:
        contenders: {name: (endless dataset, images in one of its elements)}.
        rounds: turns of each.
        count: images timed in a turn, after half as many. Each turn is a new iterator: an old one
            would have filled its buffers while others were timed.
    """
    best = dict.fromkeys(contenders, np.inf)
    for _ in range(rounds):
        for name, (dataset, per_element) in contenders.items():
            iterator, elements = iter(dataset), count // per_element
            for _ in range(elements // 2):
                next(iterator)
            wall, cpu = time.perf_counter(), time.process_time()
            for _ in range(elements):
                next(iterator)
            taken = np.array([time.perf_counter() - wall, time.process_time() - cpu])
            best[name] = np.minimum(best[name], taken / (elements * per_element))
    return best


def measure_files(images, work_dir, rounds, count):
    """Rates from JPEG files and from prepared TFRecords."""
    config = configs.get("imagenet_128").replace(
        dataset=f"folder:{images}", num_classes=None, global_batch_size=BATCH
    )
    folder = sources.open_source(config)
    prepared_config = config.replace(dataset=f"tfrecord:{work_dir}/prepared")
    preparation.prepare(folder, config, f"{work_dir}/traced")
    wall, cpu = time.perf_counter(), time.process_time()
    preparation.prepare(folder, config, f"{work_dir}/prepared")
    wall, cpu = time.perf_counter() - wall, (time.process_time() - cpu) / folder.num_examples
    rate = folder.num_examples / wall
    print(f"preparation: {rate:.0f} images/s, {cpu * 1e3:.3f} ms of CPU an image")
    prepared = sources.open_source(prepared_config)
    best = compare(
        {
            "decode_jpeg alone": (decode_alone(folder.paths), 1),
            "JPEG files to 128x128 batches": (pipeline.training_batches(folder, config), BATCH),
            "prepared TFRecords": (pipeline.training_batches(prepared, prepared_config), BATCH),
        },
        rounds,
        count,
    )
    size = np.mean([os.path.getsize(path) for path in folder.paths])
    print(f"{folder.num_examples} JPEG files, {size / 1000:.0f} kB on average")
    for name, (wall, cpu) in best.items():
        print(f"  {name:32s} {1 / wall:8.0f} images/s, {cpu * 1e3:.3f} ms of CPU an image")
    (alone, alone_cpu), (jpeg, jpeg_cpu), (records, records_cpu) = best.values()
    print(
        f"JPEG pipeline / decoding alone: {alone / jpeg:.2f} (wanted: at least 0.85); "
        f"by CPU time {alone_cpu / jpeg_cpu:.2f}"
    )
    print(
        f"prepared / JPEG pipeline: {jpeg / records:.1f} (wanted: at least 5); "
        f"by CPU time {jpeg_cpu / records_cpu:.1f}"
    )


def measure_bundled(rounds):
    """The bundled pipeline against a training step of the default preset."""
    config = configs.get("fashion_mnist_32")
    batches = pipeline.training_batches(sources.open_source(config), config)
    model = factory.build_model(config)
    step = tf.function(model.train_step)
    batch = next(iter(batches))
    step(batch)
    step_seconds = []
    for _ in range(rounds):
        start = time.perf_counter()
        step(batch)
        step_seconds.append(time.perf_counter() - start)
    best = compare({"bundled": (batches, BATCH)}, rounds, 200 * BATCH)["bundled"]
    batch_seconds, step_seconds = BATCH * best[0], min(step_seconds)
    print(f"bundled batch {batch_seconds * 1e3:.2f} ms, training step {step_seconds * 1e3:.0f} ms")
    print(f"bundled pipeline / step: {batch_seconds / step_seconds:.2%} (wanted: under 2%)")


def measure_listing(work_dir, count=100_000):
    """The time to list a large folder."""
    for index in range(count):
        directory = os.path.join(work_dir, "many", str(index % 100))
        if index < 100:
            os.makedirs(directory)
        os.close(os.open(os.path.join(directory, f"{index}.jpg"), os.O_CREAT))
    start = time.perf_counter()
    source = FolderSource(os.path.join(work_dir, "many"), configs.get("imagenet_128"))
    seconds = time.perf_counter() - start
    print(f"listing {source.num_examples:,} files: {seconds:.1f} s (wanted: seconds)")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", help="a folder of JPEG files instead of made-up ones")
    parser.add_argument("--num_images", type=int, default=400, help="made-up files")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--count", type=int, default=640, help="images timed in a round")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as work_dir:
        images = arguments.images or os.path.join(work_dir, "photos")
        if not arguments.images:
            write_photos(images, arguments.num_images)
        measure_files(images, work_dir, arguments.rounds, arguments.count)
        measure_bundled(arguments.rounds)
        measure_listing(work_dir)


if __name__ == "__main__":
    main()
