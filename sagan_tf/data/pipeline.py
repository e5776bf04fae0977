"""Training batches: the order of images is a function of the seed and the step alone.

`grain.MapDataset` is a known alternative for the order: shuffled, sharded and resumed by index.
"""

from __future__ import annotations

import functools
import typing

import tensorflow as tf

from sagan_tf import sampling
from sagan_tf.data import arrays, preprocessing, sources
from sagan_tf.data.source import scalar_seed
from sagan_tf.errors import ConfigError, DataError

# Constants that separate the pipeline's random streams under the user's seed.
_ORDER, _FLIPS = 101, 102
# Rounds of the index cipher. With 4, the default of TensorFlow's wrapper, the orders of different
# epochs of 60,000 examples correlate by 0.9. From 16 on they are independent.
_ROUNDS = 32


def training_batches(source, config, start_step=0, num_input_pipelines=1, input_pipeline_id=0):
    """Makes the endless training batches of a source.

    Batch k depends only on the settings and on `start_step + k`. So a run that resumes at step s
    gets the same images as a run without the stop. Sources with random access are shuffled
    completely, and workers cut each global batch into parts. Sequential sources shuffle their
    files, then their records through a buffer, and each worker reads its own records.

    Args:
        source: `source.Source`, from `sources.open_source`.
        config: ExperimentConfig. A batch holds all images of one training step,
            `global_batch_size * d_steps`.
        start_step: number of training steps done before.
        num_input_pipelines: number of workers; each gets its part of every global batch.
        input_pipeline_id: index of this worker, in [0, num_input_pipelines).

    Returns:
        tf.data.Dataset of uint8 images (batch, resolution, resolution, channels) and int32
        labels (batch,). Labels are zeros if `config.num_classes` is None.

    Raises:
        ConfigError: the number of workers does not divide the images of a step, or
            `cache_in_memory` needs too much memory.
        DataError: the run is conditional and the source has no labels.
    """
    sources.require_labels(source, config)
    if config.cache_in_memory:
        source = arrays.in_memory(source, config)
    global_size = config.global_batch_size * config.d_steps
    if global_size % num_input_pipelines:
        raise ConfigError(
            "global_batch_size",
            config.global_batch_size,
            f"a multiple of the number of workers, {num_input_pipelines}, for d_steps="
            f"{config.d_steps}",
        )
    place = _Place(
        root_seed=sampling.root_seed(config.seed),
        start_step=start_step,
        global_size=global_size,
        batch_size=global_size // num_input_pipelines,
        num_pipelines=num_input_pipelines,
        pipeline=input_pipeline_id,
    )
    batches = _random_access if source.random_access else _sequential
    steps = tf.data.Dataset.range(start_step, tf.int64.max)
    batches = tf.data.Dataset.zip((steps, batches(source, config, place)))
    finish = functools.partial(_finish, config=config, place=place)
    options = tf.data.Options()
    options.deterministic = True
    # The thread of the autotuner delays the end of some iterators by up to a minute (2.21).
    # Without it, a map runs one call on each core, at most 16.
    options.autotune.enabled = False
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.OFF
    return batches.map(finish).prefetch(tf.data.AUTOTUNE).with_options(options)


class _Place(typing.NamedTuple):
    """The part of the batches that one worker delivers."""

    root_seed: tf.Tensor
    start_step: int
    global_size: int
    batch_size: int
    num_pipelines: int
    pipeline: int

    @property
    def first_row(self):
        return self.batch_size * self.pipeline


def _random_access(source, config, place):
    """Batches of a `RandomAccessSource`, shuffled completely."""
    rows = place.first_row + tf.range(place.batch_size, dtype=tf.int64)
    seed = sampling.fold_in(place.root_seed, _ORDER)

    def indices(step):
        return shuffled_indices(step * place.global_size + rows, source.num_examples, seed)

    return source.batches(tf.data.Dataset.range(place.start_step, tf.int64.max).map(indices))


def _sequential(source, config, place):
    """Batches of a `SequentialSource`.

    Each pass shuffles the files, then the records through a buffer of `config.shuffle_buffer`.
    A resumed run skips records of the current pass without decoding them.
    """
    size = source.shard_size(place.num_pipelines, place.pipeline)
    if size < 1:
        raise DataError(f"{config.dataset} has fewer images than there are workers")
    first_pass, offset = divmod(place.start_step * place.batch_size, size)

    @tf.autograph.experimental.do_not_convert
    def one_pass(number):
        # Dataset.shuffle also depends on the graph's seed. This sets the seed of the function's
        # own graph, so that the program's seed has no effect. The op refuses the seed 0 here.
        tf.random.set_seed(1)
        seed = sampling.fold_in(place.root_seed, _ORDER, number)
        records = source.records(seed, place.num_pipelines, place.pipeline)
        records = records.shuffle(config.shuffle_buffer, seed=scalar_seed(seed))
        return records.skip(tf.where(number == first_pass, tf.constant(offset, tf.int64), 0))

    records = tf.data.Dataset.range(first_pass, tf.int64.max).flat_map(one_pass)
    return source.image_batches(records, place.batch_size)


def _finish(step, batch, config, place):
    """Mirrors images, types labels, and sets the static shapes of one batch."""
    images, labels = batch
    if config.random_flip:
        seed = sampling.fold_in(place.root_seed, _FLIPS, step)
        draws = tf.random.stateless_uniform([place.global_size], seed)
        mine = draws[place.first_row : place.first_row + place.batch_size]
        images = preprocessing.mirror(images, mine < 0.5)
    shape = (place.batch_size, config.resolution, config.resolution, config.channels)
    if config.num_classes is None:
        labels = tf.zeros_like(labels)
    labels = tf.ensure_shape(tf.cast(labels, tf.int32), shape[:1])
    return tf.ensure_shape(images, shape), labels


def shuffled_indices(positions, num_examples, seed):
    """Returns the example at each position of an endless, reshuffled sequence.

    Position p is in epoch p // num_examples. Each epoch is its own permutation. It is computed,
    not stored, so the cost of a position does not depend on the position.

    Args:
        positions: int64 (n,).
        num_examples: number of examples of the data set.
        seed: int32 (2,).

    Returns:
        int64 (n,), in [0, num_examples).
    """
    epochs = positions // num_examples
    seed = tf.cast(seed, tf.int64)
    # The op takes a seed of three numbers for each index. The public wrapper
    # (tf.random.experimental.index_shuffle) takes one seed for all.
    seeds = tf.stack([tf.fill(tf.shape(epochs), s) for s in (seed[0], seed[1])] + [epochs], axis=1)
    return tf.raw_ops.RandomIndexShuffle(
        index=positions % num_examples,
        seed=seeds,
        max_index=tf.fill(tf.shape(epochs), tf.cast(num_examples - 1, tf.int64)),
        rounds=_ROUNDS,
    )
