"""The parameters of both networks, added up from the paper's layers, for the tests."""

from sagan_tf.models import architecture


def generator(config):
    widths = config.generator_channel_multipliers
    widths = widths or architecture.generator_multipliers(config.resolution)
    widths = [config.base_channels * multiplier for multiplier in widths]
    tables = 2 * (config.num_classes or 1)  # a scale and an offset for each class
    total = (config.latent_dim + 1) * 16 * widths[0]
    size = 4
    for inputs, outputs in zip(widths, widths[1:]):
        total += tables * (inputs + outputs)
        total += conv(3, inputs, outputs) + conv(3, outputs, outputs) + conv(1, inputs, outputs)
        size *= 2
        if size == config.attention_resolution:
            total += slot(outputs, config.attention_block)
    return total + 2 * widths[-1] + conv(3, widths[-1], config.channels)


def discriminator(config):
    widths = config.discriminator_channel_multipliers
    widths = widths or architecture.discriminator_multipliers(config.resolution)
    widths = [config.base_channels * multiplier for multiplier in widths]
    total, inputs, size = 0, config.channels, config.resolution
    for index, outputs in enumerate(widths):
        pools = index < len(widths) - 1
        total += conv(3, inputs, outputs) + conv(3, outputs, outputs)
        total += conv(1, inputs, outputs) if pools or inputs != outputs else 0
        if pools:
            size //= 2
            total += slot(outputs, config.attention_block) * (size == config.attention_resolution)
        inputs = outputs
    return total + widths[-1] + 1 + (config.num_classes or 0) * widths[-1]


def conv(size, inputs, outputs):
    return size * size * inputs * outputs + outputs


def slot(channels, kind):
    """What stands in the attention slot."""
    if kind == "self_attention":
        # Query and key; value and the projection back; the gate.
        return 2 * channels * max(channels // 8, 1) + 2 * channels * max(channels // 2, 1) + 1
    hidden = max(round(1.25 * channels / 18), 1)
    return conv(3, channels, hidden) + conv(3, hidden, channels)
