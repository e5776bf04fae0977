"""Training batches: which image comes when, as a function of the seed and the step alone."""

from __future__ import annotations

import tensorflow as tf

from sagan_tf import sampling
from sagan_tf.data import preprocessing
from sagan_tf.errors import ConfigError

# Places of the pipeline's random streams under the user's seed.
_ORDER, _FLIPS = 101, 102
# Rounds of the index cipher. With 4, the wrapper's choice, the orders of different epochs of
# 60,000 examples correlate by 0.9; from 16 on they are as independent as random permutations.
_ROUNDS = 32


def training_batches(source, config, start_step=0, num_input_pipelines=1, input_pipeline_id=0):
    """Endless batches of images to train on, from any source.

    Batch k depends on nothing but `config.seed` and `start_step + k`, so a run that resumes at
    step s sees exactly what the uninterrupted run would have seen.

    Args:
        source: from `sources.open_source`.
        config: ExperimentConfig; a batch holds all the images of one training step, which are
            `global_batch_size * d_steps`.
        start_step: training steps done before.
        num_input_pipelines: workers that read; each gets its part of every global batch.
        input_pipeline_id: which of them this is.

    Returns:
        tf.data.Dataset of uint8 images (batch, resolution, resolution, channels) and int32
        labels (batch,), zeros when `config.num_classes` is None.

    Raises:
        ConfigError: the workers cannot share the images of a step evenly.
    """
    global_size = config.global_batch_size * config.d_steps
    if global_size % num_input_pipelines:
        raise ConfigError(
            "global_batch_size",
            config.global_batch_size,
            f"a multiple of the number of workers, {num_input_pipelines}",
        )
    batch_size = global_size // num_input_pipelines
    first_row = batch_size * input_pipeline_id
    root = sampling.root_seed(config.seed)

    def indices(step):
        positions = step * global_size + first_row + tf.range(batch_size, dtype=tf.int64)
        return shuffled_indices(positions, source.num_examples, sampling.fold_in(root, _ORDER))

    def finish(step, batch):
        images, labels = batch
        if config.random_flip:
            heads = tf.random.stateless_uniform([global_size], sampling.fold_in(root, _FLIPS, step))
            mine = heads[first_row : first_row + batch_size]
            images = preprocessing.mirror(images, mine < 0.5)
        shape = (batch_size, config.resolution, config.resolution, config.channels)
        images = tf.ensure_shape(images, shape)
        if config.num_classes is None:
            labels = tf.zeros_like(labels)
        return images, tf.ensure_shape(tf.cast(labels, tf.int32), (batch_size,))

    steps = tf.data.Dataset.range(start_step, tf.int64.max)
    batches = tf.data.Dataset.zip((steps, source.batches(steps.map(indices))))
    return batches.map(finish).prefetch(tf.data.AUTOTUNE)


def shuffled_indices(positions, num_examples, seed):
    """The example at each position of the endless, reshuffled pass over a data set.

    Position p is in epoch p // num_examples; every epoch is a permutation of its own, computed
    and never stored, so that any position is reached at once.

    Args:
        positions: int64 (n,).
        num_examples: size of the data set.
        seed: int32 (2,).

    Returns:
        int64 (n,), in [0, num_examples).
    """
    epochs = positions // num_examples
    seed = tf.cast(seed, tf.int64)
    # The op takes a seed of three numbers for each index; the public wrapper around it
    # (tf.random.experimental.index_shuffle) cannot pass one seed for each.
    seeds = tf.stack([tf.fill(tf.shape(epochs), s) for s in (seed[0], seed[1])] + [epochs], axis=1)
    return tf.raw_ops.RandomIndexShuffle(
        index=positions % num_examples,
        seed=seeds,
        max_index=tf.fill(tf.shape(epochs), tf.cast(num_examples - 1, tf.int64)),
        rounds=_ROUNDS,
    )
