"""From a configuration to a compiled model."""

from sagan_tf.models.adam import paper_adam
from sagan_tf.models.discriminator import Discriminator
from sagan_tf.models.generator import Generator
from sagan_tf.models.initialization import initialize
from sagan_tf.models.sagan import SAGAN


def build_model(config, class_names=None):
    """The compiled `SAGAN` of an `ExperimentConfig`; call it inside the strategy's scope.

    Initial weights follow from `config.seed`, the same under every Keras.

    Args:
        config: `ExperimentConfig`.
        class_names: see `SAGAN`.
    """
    generator, discriminator = build_networks(config)
    for network in (generator, discriminator):
        initialize(network, config.seed)
    model = SAGAN(
        generator,
        discriminator,
        seed=config.seed,
        d_steps=config.d_steps,
        accumulation_steps=config.accumulation_steps,
        ema_decay=config.ema_decay,
        class_names=class_names,
    )
    betas = (config.beta_1, config.beta_2, config.adam_epsilon)
    model.compile(
        paper_adam(config.generator_learning_rate, *betas),
        paper_adam(config.discriminator_learning_rate, *betas),
        config.loss,
        config.jit_compile,
    )
    return model


def build_networks(config):
    """The `Generator` and the `Discriminator` of an `ExperimentConfig`, with any weights."""
    shared = {
        "resolution": config.resolution,
        "num_classes": config.num_classes,
        "base_channels": config.base_channels,
        "attention_resolution": config.attention_resolution,
        "channels": config.channels,
        "attention_block": config.attention_block,
        "attention_pool_size": config.attention_pool_size,
        "dtype": config.precision,
    }
    generator = Generator(
        latent_dim=config.latent_dim,
        channel_multipliers=config.generator_channel_multipliers,
        spectral_norm=config.generator_spectral_norm,
        batch_norm_momentum=config.batch_norm_momentum,
        batch_norm_epsilon=config.batch_norm_epsilon,
        **shared,
    )
    discriminator = Discriminator(
        channel_multipliers=config.discriminator_channel_multipliers,
        spectral_norm=config.discriminator_spectral_norm,
        **shared,
    )
    return generator, discriminator
