"""What a configuration would train, and how much memory it takes, before anything runs."""

import dataclasses

import tensorflow as tf

from sagan_tf.models import recipe
from sagan_tf.models.architecture import count_parameters

_FLOAT_BYTES = 4
# Copies of the weights: G's as trained, averaged, gradient, and Adam's two moments; D has no EMA.
_GENERATOR_COPIES, _DISCRIMINATOR_COPIES = 5, 4
# Results that the backward pass needs again; views of the same memory are left out.
_KEPT = frozenset(
    ("Conv2D", "Relu", "AddV2", "Mul", "MatMul", "BatchMatMulV2", "Softmax", "MaxPool", "Tile")
)


def describe(config):
    """A text for people: the resolved configuration, parameter counts, memory.

    Memory is an estimate for one device: weights with optimizer state exactly, plus what the
    backward pass of one D update (the larger one) keeps, counted from the traced graph.
    """
    model = recipe.build(config)
    generator = count_parameters(model.generator)
    discriminator = count_parameters(model.discriminator)
    weights = _FLOAT_BYTES * (_GENERATOR_COPIES * generator + _DISCRIMINATOR_COPIES * discriminator)
    micro_batch = config.global_batch_size // config.accumulation_steps
    activations = activation_bytes(model, micro_batch)
    lines = [f"{name}: {value}" for name, value in dataclasses.asdict(config).items()]
    lines += [
        "",
        f"generator: {generator:,} parameters",
        f"discriminator: {discriminator:,} parameters",
        f"memory: about {_gibibytes(weights)} for weights and optimizers, "
        f"{_gibibytes(activations)} for a batch of {micro_batch} on one device",
    ]
    return "\n".join(lines)


def activation_bytes(model, batch_size):
    """Bytes that a D update on `batch_size` real and as many fake images keeps for backward."""
    discriminator = model.discriminator
    size = (discriminator.resolution, discriminator.resolution, discriminator.channels)
    images = tf.TensorSpec((2 * batch_size, *size), tf.float32)
    labels = tf.TensorSpec((2 * batch_size,), tf.int32)
    forward = tf.function(lambda x, y: discriminator(x, y, training=True))
    graph = forward.get_concrete_function(images, labels).graph
    kept = [op.outputs[0] for op in graph.get_operations() if op.type in _KEPT]
    # Those with the batch in front; others are weights on their way to a convolution.
    batched = [x for x in kept if x.shape.rank and x.shape[0] == 2 * batch_size]
    return sum(x.shape.num_elements() * x.dtype.size for x in batched)


def _gibibytes(count):
    return f"{count / 2**30:.2f} GiB"
