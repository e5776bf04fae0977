"""One update from several micro-batches: more steps, less memory."""

import tensorflow as tf

from sagan_tf.keras_compat import named_layers
from sagan_tf.layers.spectral_norm import SpectralNormalized


def singular_vectors(network):
    """{path: variable} of every `u` of spectral normalization in a network."""
    return {
        f"{path}/u": layer.u
        for path, layer in named_layers(network)
        if isinstance(layer, SpectralNormalized)
    }


def accumulate(gradients_of, batch, steps, vectors):
    """Sums what `gradients_of` returns over the micro-batches of a batch.

    Each micro-batch starts from the same `u`. So all see the same spectrally normalized kernels,
    and `u` moves by one power iteration in all.

    Args:
        gradients_of: function of a micro-batch, as separate tensors, that returns a nest of
            tensors, each its share of the whole batch's.
        batch: tensors with the batch in front.
        steps: number of micro-batches, a divisor of the batch size.
        vectors: every `u` variable that a call of `gradients_of` moves.
    """
    if steps == 1:
        return gradients_of(*batch)
    starts, total = [tf.identity(u) for u in vectors], []
    for part in zip(*(tf.split(tensor, steps) for tensor in batch)):
        # Each waits for the micro-batch before it, so that memory holds the activations of one.
        with tf.control_dependencies(tf.nest.flatten(total)):
            for u, start in zip(vectors, starts):
                u.assign(start)
            share = gradients_of(*part)
        total = tf.nest.map_structure(tf.add, total, share) if total else share
    return total
