"""The machinery of a model with two networks: optimizers, updates, micro-batches, metrics."""

import keras
import tensorflow as tf

from sagan_tf import losses
from sagan_tf.config import DEFAULTS
from sagan_tf.errors import ConfigError, first_line
from sagan_tf.keras_compat import check_dtype_conversion, tf_variable
from sagan_tf.layers.spectral_norm import singular_vectors
from sagan_tf.models.fitting import CheckedFit
from sagan_tf.models.optimizers import paper_adam

_GENERATOR_RATE = DEFAULTS.generator_learning_rate
_DISCRIMINATOR_RATE = DEFAULTS.discriminator_learning_rate


class AdversarialModel(CheckedFit):
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
            generator_optimizer: a Keras optimizer or its name; None for the paper's Adam.
            discriminator_optimizer: another one; None for the paper's Adam, 4 times as fast.
            loss: "hinge", "non_saturating", "least_squares" or "wasserstein".
            jit_compile: whether training compiles the step with XLA (slower on CPUs).
            **kwargs: others of `keras.Model.compile`, such as `run_eagerly`.

        Raises:
            ConfigError: there is no loss of that name, one optimizer is given for both, or an
                optimizer scales its loss.
            StackError: TensorFlow converts dtypes in a way that Keras cannot train with.
        """
        check_dtype_conversion()
        if "optimizer" in kwargs:
            wanted = "left out: there are generator_optimizer and discriminator_optimizer"
            raise ConfigError("optimizer", kwargs["optimizer"], wanted)
        optimizers = [
            _optimizer("generator_optimizer", generator_optimizer, _GENERATOR_RATE),
            _optimizer("discriminator_optimizer", discriminator_optimizer, _DISCRIMINATOR_RATE),
        ]
        generator_optimizer, discriminator_optimizer = optimizers
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

    def _update(self, name, loss_of, batch):
        """Makes one step of an optimizer.

        Args:
            name: the network to update, "generator" or "discriminator".
            loss_of: function of the tensors in `batch` that returns one loss an example.
            batch: tensors with the examples in front, cut into `accumulation_steps` micro-batches.

        Returns:
            The gradients.
        """
        variables = getattr(self, name).trainable_variables

        def gradients_of(*micro_batch):
            # The tape records one network: none of G's operations while D learns.
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                tape.watch([tf_variable(variable) for variable in variables])
                per_example = loss_of(*micro_batch)
                loss = losses.global_mean(per_example, self.accumulation_steps)
            return loss, tape.gradient(loss, variables)

        networks = self.generator, self.discriminator
        vectors = [u for network in networks for u in singular_vectors(network).values()]
        loss, gradients = accumulate(gradients_of, batch, self.accumulation_steps, vectors)
        getattr(self, f"{name}_optimizer").apply_gradients(zip(gradients, variables))
        self._report(name, loss, gradients)
        return gradients

    def _report(self, network, loss, gradients):
        """Records loss and gradient norm over all replicas, and the first step gone wrong."""
        context = tf.distribute.get_replica_context()
        loss = context.all_reduce(tf.distribute.ReduceOp.SUM, loss)
        self._means[f"{network}_loss"].update_state(loss)
        norm = tf.linalg.global_norm(gradients) * float(context.num_replicas_in_sync)
        self._means[f"{network}_gradient_norm"].update_state(norm)
        is_finite = tf.math.is_finite(loss) & tf.math.is_finite(norm)
        is_first = ~is_finite & (self.first_nonfinite_step < 0)
        self.first_nonfinite_step.assign(tf.where(is_first, self.step, self.first_nonfinite_step))

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


def _optimizer(name, given, default_rate):
    """A Keras optimizer from an optimizer, a name or a configuration; None is the paper's Adam."""
    if given is None:
        return paper_adam(default_rate)
    try:
        optimizer = keras.optimizers.get(given)
    except (ValueError, TypeError) as error:
        wanted = f"a Keras optimizer or the name of one ({first_line(error)})"
        raise ConfigError(name, given, wanted) from error
    if isinstance(optimizer, keras.mixed_precision.LossScaleOptimizer):
        wanted = "an optimizer without loss scaling: mixed_bfloat16 needs none"
        raise ConfigError(name, "LossScaleOptimizer", wanted)
    return optimizer
