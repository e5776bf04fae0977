"""One update from several micro-batches: more steps, less memory."""

import contextlib

import tensorflow as tf

from sagan_tf.layers.spectral_norm import u_kept


def accumulate(gradients_of, batch, steps):
    """Sums what `gradients_of` returns over the micro-batches of a batch.

    All micro-batches see the same spectrally normalized kernels: `u` moves with the last one only.

    Args:
        gradients_of: function of a micro-batch, as separate tensors, that returns a nest of
            tensors, each its share of the whole batch's.
        batch: tensors with the batch in front.
        steps: number of micro-batches, a divisor of the batch size.
    """
    if steps == 1:
        return gradients_of(*batch)
    total = []
    for number, part in enumerate(zip(*(tf.split(tensor, steps) for tensor in batch)), start=1):
        kernels = contextlib.nullcontext() if number == steps else u_kept()
        # Each waits for the one before, so that memory holds the activations of one.
        with kernels, tf.control_dependencies(tf.nest.flatten(total)):
            share = gradients_of(*part)
        total = tf.nest.map_structure(tf.add, total, share) if total else share
    return total
