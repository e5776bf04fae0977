"""What evaluation must reach: `python benchmarks/evaluation.py` prints one line a goal.

Exit code 1 if a goal is missed. On a busy machine only the ratio means anything.
"""

import json
import os
import resource
import statistics
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np

DIMENSION = 2048
MATRIX_STEP_SECONDS = 10.0
MEMORY_BYTES = 1e9
EXTRACTION_SHARE = 0.9


def matrix_step():
    """Seconds from the moments of two sets of Inception-sized features to their FID: best of 3."""
    from sagan_tf.evaluation import Moments, frechet_distance

    rng = np.random.default_rng(0)
    real, fake = (
        Moments.of(np.maximum(rng.standard_normal((3000, DIMENSION)) + shift, 0.0))
        for shift in (0.0, 0.3)
    )
    seconds = []
    for _ in range(3):
        begin = time.perf_counter()
        frechet_distance(real, fake)
        seconds.append(time.perf_counter() - begin)
    return min(seconds)


def streaming():
    """Peak memory of this process, TensorFlow included, after 50,000 feature vectors."""
    from sagan_tf.evaluation import Moments

    rng = np.random.default_rng(0)
    moments, begin = Moments(DIMENSION), time.perf_counter()
    for _ in range(50_000 // 50):
        moments.update(rng.standard_normal((50, DIMENSION), np.float32))
    assert moments.count == 50_000
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {"bytes": peak, "seconds": time.perf_counter() - begin}


def extraction(batch_size=32, batches=4, rounds=3):
    """Images a second of the whole extraction, and of its network alone on a ready batch.

    The network is Inception v3 (random weights) on 128x128 images, resized to 299.
    """
    import keras
    import tensorflow as tf

    from sagan_tf import config
    from sagan_tf.data.arrays import ArraySource
    from sagan_tf.evaluation.existing_images import SourceImages
    from sagan_tf.evaluation.feature_statistics import Extractor, FeatureStatistics
    from sagan_tf.evaluation.features import keras_network

    model = keras.applications.InceptionV3(
        include_top=False, weights=None, input_shape=(299, 299, 3), pooling="avg"
    )
    network = keras_network(model, "inception v3", "random")
    count = batch_size * batches
    images = np.random.default_rng(0).integers(0, 256, (count, 128, 128, 3), np.uint8)
    source = ArraySource(images, np.zeros(count), None)
    real = SourceImages(source, config.get("imagenet_128"))
    extractor = Extractor(network, batch_size)
    bare, ready = tf.function(network), tf.constant(images[:batch_size])

    def bare_rate():
        begin = time.perf_counter()
        for _ in range(batches):
            bare(ready).features.numpy()
        return count / (time.perf_counter() - begin)

    def whole_rate():
        begin = time.perf_counter()
        extractor.fill(FeatureStatistics(count, ("features",)), real)
        return count / (time.perf_counter() - begin)

    bare_rate(), whole_rate()  # compiles
    pairs = [(whole_rate(), bare_rate()) for _ in range(rounds)]
    whole, alone = (statistics.median(rates) for rates in zip(*pairs))
    shares = [a / b for a, b in pairs]
    return {"whole": whole, "alone": alone, "share": statistics.median(shares)}


def in_new_process(name):
    """The result of one function, with memory and threads of its own."""
    command = [sys.executable, os.path.abspath(__file__), name]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)


def main():
    """Runs all, and prints what was reached beside what must be."""
    seconds, memory, rate = map(in_new_process, ("matrix_step", "streaming", "extraction"))
    goals = [
        (
            seconds <= MATRIX_STEP_SECONDS,
            f"FID's matrix step, {DIMENSION} features: {seconds:.1f} s "
            f"(at most {MATRIX_STEP_SECONDS:.0f})",
        ),
        (
            memory["bytes"] <= MEMORY_BYTES,
            f"streaming 50,000 x {DIMENSION} features: peak {memory['bytes'] / 1e6:.0f} MB with "
            f"TensorFlow (at most {MEMORY_BYTES / 1e6:.0f}), {memory['seconds']:.0f} s",
        ),
        (
            rate["share"] >= EXTRACTION_SHARE,
            f"feature extraction: {rate['whole']:.2f} images/s of {rate['alone']:.2f} by Inception "
            f"v3 alone, {rate['share']:.0%} (at least {EXTRACTION_SHARE:.0%})",
        ),
    ]
    for reached, text in goals:
        print(f"{'ok    ' if reached else 'MISSED'} {text}")
    return 0 if all(reached for reached, _ in goals) else 1


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(json.dumps(globals()[sys.argv[1]]()))
    else:
        sys.exit(main())
