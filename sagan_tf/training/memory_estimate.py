"""What a configuration would train, and how much memory it takes, before anything runs."""

import dataclasses

import tensorflow as tf

from sagan_tf.models import factory
from sagan_tf.models.architecture import count_parameters

_FLOAT_BYTES = 4
# Copies of the weights: G's as trained, averaged, gradient, and Adam's two moments; D has no EMA.
_GENERATOR_COPIES, _DISCRIMINATOR_COPIES = 5, 4
# Operations whose result is their input's memory.
_VIEWS = frozenset(("Reshape", "Identity", "IdentityN", "Squeeze", "ExpandDims"))


def describe(config):
    """A text for people: the resolved configuration, parameter counts, memory.

    Memory is an estimate for one device: weights with optimizer state exactly, plus the most
    that an update holds of activations, counted in its traced graph.
    """
    model = factory.build_model(config)
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
    """Most bytes of activations alive at once in an update of D or G on `batch_size` images.

    Counted in the order in which the graph's operations were made, without the scratch memory of
    convolutions.
    """
    generator, discriminator = model.generator, model.discriminator
    size = (discriminator.resolution, discriminator.resolution, discriminator.channels)

    def discriminate(images, labels):  # of real and fake images in one call
        with tf.GradientTape() as tape:
            logits = discriminator(images, labels, training=True)
        return tape.gradient(logits, discriminator.trainable_variables)

    def generate(latents, labels):
        with tf.GradientTape() as tape:
            logits = discriminator(generator(latents, labels, training=True), labels)
        return tape.gradient(logits, generator.trainable_variables)

    def peak(update, count, shape):
        inputs = tf.TensorSpec((count, *shape), tf.float32), tf.TensorSpec((count,), tf.int32)
        graph = tf.function(update).get_concrete_function(*inputs).graph
        return _peak(needed_operations(graph), count)

    return max(
        peak(discriminate, 2 * batch_size, size),
        peak(generate, batch_size, (generator.latent_dim,)),
    )


def needed_operations(graph):
    """The operations of a function's graph that running it takes, in the order of their making."""
    needed = set()
    waiting = [tensor.op for tensor in graph.outputs] + list(graph.control_outputs)
    while waiting:
        op = waiting.pop()
        if op.name not in needed:
            needed.add(op.name)
            waiting += [tensor.op for tensor in op.inputs] + list(op.control_inputs)
    return [op for op in graph.get_operations() if op.name in needed]


def _peak(operations, batch_size):
    """Most bytes held at once by tensors with the batch in front; others are weights."""
    last_use = {
        _owner(tensor).name: number for number, op in enumerate(operations) for tensor in op.inputs
    }
    held, peak = {}, 0
    for number, op in enumerate(operations):
        for tensor in op.outputs if op.type not in _VIEWS else ():
            if tensor.shape.rank and tensor.shape[0] == batch_size and tensor.name in last_use:
                held[tensor.name] = tensor.shape.num_elements() * tensor.dtype.size
        peak = max(peak, sum(held.values()))
        held = {name: size for name, size in held.items() if last_use[name] > number}
    return peak


def _owner(tensor):
    """The tensor whose memory this one shows."""
    while tensor.op.type in _VIEWS:
        tensor = tensor.op.inputs[tensor.value_index]
    return tensor


def _gibibytes(count):
    return f"{count / 2**30:.2f} GiB"
