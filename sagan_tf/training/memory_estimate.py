"""Estimate of the parameters and the memory of a configuration, before anything runs."""

import dataclasses

import tensorflow as tf

from sagan_tf.models import factory
from sagan_tf.models.architecture import count_parameters

_FLOAT_BYTES = 4
# Copies of the weights of G: as trained, averaged, the gradient, and Adam's two moments. D has no
# average.
_GENERATOR_COPIES, _DISCRIMINATOR_COPIES = 5, 4
# Operations whose output shares the memory of their input.
_VIEWS = frozenset(("Reshape", "Identity", "IdentityN", "Squeeze", "ExpandDims"))


def describe(config):
    """Describes a configuration as text: all settings, parameter counts and memory.

    The memory is an estimate for one device. It adds the weights with the optimizers' state, which
    are exact, and the largest memory of activations in an update, counted in its traced graph.

    Args:
        config: `ExperimentConfig`.

    Returns:
        str of several lines.
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
    """Computes the largest memory that activations take at one time in an update of D or G.

    The count follows the order in which the graph's operations were made. It leaves out the scratch
    memory of convolutions.

    Args:
        model: `SAGAN`.
        batch_size: real images of one update.

    Returns:
        int, in bytes.
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
    """Lists the operations that a function runs, in the order in which they were made.

    Args:
        graph: `FuncGraph` of a traced `tf.function`.

    Returns:
        list of `tf.Operation`, without those that no output and no side effect needs.
    """
    needed = set()
    waiting = [tensor.op for tensor in graph.outputs] + list(graph.control_outputs)
    while waiting:
        op = waiting.pop()
        if op.name not in needed:
            needed.add(op.name)
            waiting += [tensor.op for tensor in op.inputs] + list(op.control_inputs)
    return [op for op in graph.get_operations() if op.name in needed]


def _peak(operations, batch_size):
    """The largest number of bytes that tensors take at one time, by their first dimension.

    Tensors whose first dimension is the batch are activations. The others are weights.
    """
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
    """The tensor that owns the memory of `tensor`."""
    while tensor.op.type in _VIEWS:
        tensor = tensor.op.inputs[tensor.value_index]
    return tensor


def _gibibytes(count):
    return f"{count / 2**30:.2f} GiB"
