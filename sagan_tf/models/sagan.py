"""The Keras model that trains a generator against a discriminator."""

from __future__ import annotations

import keras
import tensorflow as tf

from sagan_tf import config, losses, sampling
from sagan_tf.config import DEFAULTS
from sagan_tf.errors import ConfigError
from sagan_tf.keras_compat import check_same_keras
from sagan_tf.models import drawing, inputs
from sagan_tf.models.accumulation import accumulate
from sagan_tf.models.ema import MovingAverage, warmed_up_decay
from sagan_tf.models.two_optimizers import TwoOptimizers

METRICS = (
    "discriminator_loss",
    "generator_loss",
    "real_logits",
    "fake_logits",
    "discriminator_gradient_norm",
    "generator_gradient_norm",
)
_GENERATOR_STREAM = 2**20  # keeps G's random numbers apart from those of any D update


@keras.saving.register_keras_serializable(package="sagan_tf")
class SAGAN(TwoOptimizers):
    """Trains a Self-Attention GAN: hinge loss, two-timescale updates, averaged generator.

    One `train_step` makes `d_steps` updates of D, each on its own part of the batch and with
    fresh latents, then one of G. All randomness is a function of (seed, step, place in the global
    batch), so equal seeds give equal runs. `model(latents, labels)` draws from the EMA generator.

    Args:
        generator: a `Generator`.
        discriminator: a `Discriminator` for the same images and classes.
        seed: int from 0; all latents and labels drawn in training follow from it.
        d_steps: D updates before each G update.
        accumulation_steps: micro-batches that make up each update, one after the other: less
            memory, same loss. Batch norm takes its moments over a micro-batch.
        ema_decay: decay of the averaged generator, in [0, 1); it warms up over the first steps.
        class_names: names of the classes from 0 on, which files and exports carry on; or None.
        **kwargs: those of `keras.Model`.

    Example:
        >>> model = SAGAN(Generator(32, 10, 32, 16, channels=1),
        ...               Discriminator(32, 10, 32, 16, channels=1))
        >>> model.compile()
        >>> model.fit(images, labels, batch_size=64)
        >>> model.generate(labels=[0, 1, 2], seed=7).shape
        (3, 32, 32, 1)

    Raises:
        ConfigError: the two networks do not fit each other, or an argument is not allowed.

    Reference: Zhang et al., arXiv:1805.08318.
    """

    def __init__(
        self,
        generator,
        discriminator,
        seed=DEFAULTS.seed,
        d_steps=DEFAULTS.d_steps,
        accumulation_steps=DEFAULTS.accumulation_steps,
        ema_decay=DEFAULTS.ema_decay,
        class_names=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        for name in ("resolution", "channels", "num_classes"):
            if getattr(generator, name) != getattr(discriminator, name):
                wanted = f"the generator's: {getattr(generator, name)}"
                raise ConfigError(f"discriminator.{name}", getattr(discriminator, name), wanted)
        numbers = {
            "seed": seed,
            "d_steps": d_steps,
            "accumulation_steps": accumulation_steps,
            "ema_decay": ema_decay,
        }
        for name, value in numbers.items():
            config.check_field(name, value)
            setattr(self, name, value)
        if class_names is not None and len(class_names) > (generator.num_classes or 0):
            wanted = f"at most num_classes={generator.num_classes} names, or None"
            raise ConfigError("class_names", class_names, wanted)
        self.class_names = None if class_names is None else tuple(class_names)
        self.generator = generator
        self.discriminator = discriminator
        self.ema_generator = type(generator).from_config(generator.get_config())
        self._ema = MovingAverage(self.ema_generator, generator)
        self._ema.copy()
        self.ema_generator.trainable = False
        self.step = self._counter("step", 0)
        self.first_nonfinite_step = self._counter("first_nonfinite_step", -1)
        self._means = {name: keras.metrics.Mean(name=name) for name in METRICS}
        self.built = True

    def _counter(self, name, value):
        return self.add_weight(
            name=name,
            shape=(),
            dtype="int64",
            initializer=keras.initializers.Constant(value),
            trainable=False,
        )

    @tf.autograph.experimental.do_not_convert  # all its control flow is Python's: traces faster
    def train_step(self, data):
        """Updates D `d_steps` times, then G, then the EMA generator; returns the metrics."""
        images, labels = inputs.prepare(data, self.discriminator)
        batch_size = images.shape[0] or tf.shape(images)[0]
        if images.shape[0] is not None and batch_size % (self.d_steps * self.accumulation_steps):
            factors = f"d_steps={self.d_steps} times accumulation_steps={self.accumulation_steps}"
            raise ConfigError("batch_size", batch_size, f"a multiple of {factors}")
        seed = sampling.fold_in(sampling.root_seed(self.seed), self.step)
        part_size, done = batch_size // self.d_steps, []
        # Each update waits for the one before: else TensorFlow would run passes of G that need
        # nothing of D's update beside it, and hold the activations of both.
        for i in range(self.d_steps):
            part = slice(i * part_size, (i + 1) * part_size)
            part_seed = sampling.fold_in(seed, i)
            with tf.control_dependencies(done):
                done = self._update_discriminator(images[part], labels[part], part_size, part_seed)
        with tf.control_dependencies(done):
            self._update_generator(part_size, sampling.fold_in(seed, _GENERATOR_STREAM))
        self._ema.update(warmed_up_decay(self.ema_decay, self.step))
        self.step.assign_add(1)
        return self.get_metrics_result()

    def _update_discriminator(self, real_images, real_labels, batch_size, seed):
        latents, fake_labels = self._draw(batch_size, seed)
        variables = self.discriminator.trainable_variables
        size = batch_size // self.accumulation_steps

        def gradients_of(real_images, real_labels, latents, fake_labels):
            fake_images = self.generator(latents, fake_labels, training=True)
            images = tf.concat([real_images, fake_images], axis=0)
            labels = tf.concat([real_labels, fake_labels], axis=0)
            with tf.GradientTape() as tape:
                # Real and fake in one call, so that u moves once and both see the same kernels.
                logits = self.discriminator(images, labels, training=True)
                real_logits, fake_logits = logits[:size], logits[size:]
                loss = self._share(self._adversarial.discriminator(real_logits, fake_logits))
            self._means["real_logits"].update_state(real_logits)
            self._means["fake_logits"].update_state(fake_logits)
            return loss, tape.gradient(loss, variables)

        batch = real_images, real_labels, latents, fake_labels
        loss, gradients = accumulate(gradients_of, batch, self.accumulation_steps)
        self.discriminator_optimizer.apply_gradients(zip(gradients, variables))
        self._report("discriminator", loss, gradients)
        return gradients

    def _update_generator(self, batch_size, seed):
        variables = self.generator.trainable_variables

        def gradients_of(latents, labels):
            with tf.GradientTape() as tape:
                images = self.generator(latents, labels, training=True)
                # D is only a judge here: training=False leaves its u where D's update put it.
                logits = self.discriminator(images, labels, training=False)
                loss = self._share(self._adversarial.generator(logits))
            return loss, tape.gradient(loss, variables)

        batch = self._draw(batch_size, seed)
        loss, gradients = accumulate(gradients_of, batch, self.accumulation_steps)
        self.generator_optimizer.apply_gradients(zip(gradients, variables))
        self._report("generator", loss, gradients)

    def _share(self, per_example):
        return losses.global_mean(per_example, self.accumulation_steps)

    def _draw(self, batch_size, seed):
        return sampling.training_inputs(
            seed, batch_size, self.generator.latent_dim, self.generator.num_classes
        )

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

    def call(self, latents, labels=None, training=False):
        """Draws float32 images in [-1, 1] from the EMA generator."""
        return self.ema_generator(latents, labels)

    def fit(self, x=None, y=None, **kwargs):
        """Trains on images; `keras.Model.fit` with checks of what it is given.

        Args:
            x: images, uint8 or float in [-1, 1], (n, h, w, c); or a `tf.data.Dataset` of
                (images, labels) batches, or of images for an unconditional model.
            y: integer labels (n,) in [0, num_classes).
            **kwargs: those of `keras.Model.fit`.

        Raises:
            ConfigError, DataError: images or labels do not fit the model.
        """
        inputs.check(x, y, self.discriminator)
        return super().fit(x, y, **kwargs)

    def generate(
        self, labels=None, num_images=None, seed=DEFAULTS.seed, truncation=1.0, batch_size=64
    ):
        """Draws images from the EMA generator.

        Args:
            labels: one class an image, in [0, num_classes); for a conditional model.
            num_images: how many, for an unconditional model.
            seed: int; the same seed and labels give the same images.
            truncation: deviation of the latents, in (0, 1]; lower is cleaner and less varied.
            batch_size: images drawn at a time.

        Returns:
            uint8 NumPy array (n, h, w, c).

        Raises:
            ConfigError: an argument is missing or not allowed.
        """
        return drawing.draw_images(
            self.ema_generator, labels, num_images, seed, truncation, batch_size
        )

    @property
    def metrics(self):
        """The running means that `train_step` reports."""
        return list(self._means.values())

    def get_config(self):
        """Arguments that build this model again."""
        return {
            **super().get_config(),
            "generator": keras.saving.serialize_keras_object(self.generator),
            "discriminator": keras.saving.serialize_keras_object(self.discriminator),
            "seed": self.seed,
            "d_steps": self.d_steps,
            "accumulation_steps": self.accumulation_steps,
            "ema_decay": self.ema_decay,
            "class_names": self.class_names,
        }

    @classmethod
    def from_config(cls, config):
        """The model that `get_config` describes, with fresh weights; see `EagerlyBuilt`."""
        config = check_same_keras(config)
        networks = {
            name: keras.saving.deserialize_keras_object(config[name])
            for name in ("generator", "discriminator")
        }
        return cls(**{**config, **networks})
