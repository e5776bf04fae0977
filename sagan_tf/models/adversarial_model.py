"""`compile()` for a model with two networks: one optimizer each, one adversarial loss."""

import keras

from sagan_tf import losses
from sagan_tf.config import DEFAULTS
from sagan_tf.errors import ConfigError
from sagan_tf.models.adam import paper_adam
from sagan_tf.models.architecture import EagerlyBuilt


class AdversarialModel(EagerlyBuilt):
    """A Keras model with a `generator` and a `discriminator`, each with its own optimizer."""

    def compile(
        self,
        generator_optimizer=None,
        discriminator_optimizer=None,
        loss=DEFAULTS.loss,
        jit_compile=False,
        **kwargs,
    ):
        """Chooses optimizers and loss.

        Args:
            generator_optimizer: a Keras optimizer; None for the paper's Adam.
            discriminator_optimizer: another one; None for the paper's Adam, 4 times as fast.
            loss: "hinge", "non_saturating", "least_squares" or "wasserstein".
            jit_compile: whether training compiles the step with XLA (slower on CPUs).
            **kwargs: others of `keras.Model.compile`, such as `run_eagerly`.

        Raises:
            ConfigError: there is no loss of that name, or one optimizer is given for both.
        """
        generator_optimizer = generator_optimizer or paper_adam(DEFAULTS.generator_learning_rate)
        discriminator_optimizer = discriminator_optimizer or paper_adam(
            DEFAULTS.discriminator_learning_rate
        )
        if generator_optimizer is discriminator_optimizer:
            raise ConfigError(
                "discriminator_optimizer", "the generator's", "an optimizer of its own"
            )
        self._adversarial = losses.get(loss)
        self._compiled_with = {"loss": loss, "jit_compile": jit_compile, **kwargs}
        super().compile(optimizer=generator_optimizer, jit_compile=jit_compile, **kwargs)
        self.generator_optimizer = generator_optimizer
        self.discriminator_optimizer = discriminator_optimizer
        generator_optimizer.build(self.generator.trainable_variables)
        discriminator_optimizer.build(self.discriminator.trainable_variables)

    def get_compile_config(self):
        """Arguments of `compile`, for `save`."""
        arguments = {
            "generator_optimizer": self.generator_optimizer,
            "discriminator_optimizer": self.discriminator_optimizer,
            **self._compiled_with,
        }
        return {
            name: keras.saving.serialize_keras_object(value) for name, value in arguments.items()
        }

    def compile_from_config(self, config):
        """Compiles as `get_compile_config` describes."""
        self.compile(
            **{name: keras.saving.deserialize_keras_object(value) for name, value in config.items()}
        )
