"""From a configuration to a compiled model."""

from sagan_tf.config import network_fields
from sagan_tf.models.networks import Discriminator, Generator
from sagan_tf.models.optimizers import paper_adam
from sagan_tf.models.sagan import SAGAN


def build_model(config, class_names=None):
    """The compiled `SAGAN` of an `ExperimentConfig`; call it inside the strategy's scope.

    Initial weights follow from `config.seed`, the same under every Keras.

    Args:
        config: `ExperimentConfig`.
        class_names: see `SAGAN`.
    """
    generator, discriminator = build_networks(config, config.seed)
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


def build_networks(config, seed=None):
    """The `Generator` and the `Discriminator` of an `ExperimentConfig`.

    Args:
        config: `ExperimentConfig`.
        seed: int that the initial weights follow from; None for any weights.
    """
    networks = []
    for kind, cls in (("generator", Generator), ("discriminator", Discriminator)):
        fields = network_fields(kind)
        arguments = {argument: getattr(config, field.name) for argument, field in fields.items()}
        networks.append(cls(**arguments, dtype=config.precision, seed=seed))
    return networks
