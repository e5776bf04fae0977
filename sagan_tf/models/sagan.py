"""The Keras model that trains a generator against a discriminator."""

from __future__ import annotations

import keras
import tensorflow as tf

from sagan_tf import config, sampling
from sagan_tf.config import DEFAULTS
from sagan_tf.errors import ConfigError
from sagan_tf.keras_compat import check_same_keras
from sagan_tf.models import generation, inputs
from sagan_tf.models.adversarial_model import AdversarialModel
from sagan_tf.models.optimizers import MovingAverage, warmed_up_decay

METRICS = (
    "discriminator_loss",
    "generator_loss",
    "real_logits",
    "fake_logits",
    "discriminator_gradient_norm",
    "generator_gradient_norm",
)
GENERATOR_STREAM = 2**20  # keeps G's random numbers apart from those of any D update
_HELD_OUT_STREAM = 2**41  # keeps those of `test_step` apart from those of any training step


@keras.saving.register_keras_serializable(package="sagan_tf")
class SAGAN(AdversarialModel):
    """Trains a Self-Attention GAN: hinge loss, two-timescale updates, averaged generator.

    One `train_step` makes `d_steps` updates of D, each on its own part of the batch and with
    fresh latents, then one of G. All randomness is a function of (seed, step, place in the global
    batch), so equal seeds give equal runs. Initial weights follow from the networks' own seeds.
    `model(latents, labels)` generates with the EMA generator.

    Args:
        generator: a `Generator`.
        discriminator: a `Discriminator` for the same images and classes.
        seed: int from 0; the latents and labels of training follow from it.
        d_steps: D updates before each G update.
        accumulation_steps: micro-batches that make up each update, one at a time: less
            memory, same loss. Batch norm takes its moments over a micro-batch.
        ema_decay: decay of the averaged generator, in [0, 1); it warms up over the first steps.
        class_names: names of the classes from 0 on, which files and exports carry on; or None.
        **kwargs: those of `keras.Model`.

    Example:
        >>> model = SAGAN(Generator(32, 10, 32, 16, channels=1, seed=0),
        ...               Discriminator(32, 10, 32, 16, channels=1, seed=0))
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
        for network in (generator, discriminator):
            config.check_field("precision", network.dtype_policy.name)
        numbers = {
            "seed": seed,
            "d_steps": d_steps,
            "accumulation_steps": accumulation_steps,
            "ema_decay": ema_decay,
        }
        for name, value in numbers.items():
            setattr(self, name, config.check_field(name, value))
        if class_names is not None and len(class_names) > (generator.num_classes or 0):
            wanted = f"at most num_classes={generator.num_classes} names, or None"
            raise ConfigError("class_names", class_names, wanted)
        self.class_names = None if class_names is None else tuple(class_names)
        self.generator = generator
        self.discriminator = discriminator
        self.ema_generator = generator.variant(name=f"ema_{generator.name}")
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
        batch_size, done = self._batch_size_of_an_update(images)
        seed = sampling.fold_in(sampling.root_seed(self.seed), self.step)
        # Each update waits for the one before. Otherwise TensorFlow would run parts of G's update
        # during D's, and hold the activations of both.
        for i in range(self.d_steps):
            part = slice(i * batch_size, (i + 1) * batch_size)
            fakes = self._sample_inputs(batch_size, sampling.fold_in(seed, i))
            with tf.control_dependencies(done):
                batch = (images[part], labels[part], *fakes)
                done = self._update("discriminator", self._discriminator_loss, batch)
        fakes = self._sample_inputs(batch_size, sampling.fold_in(seed, GENERATOR_STREAM))
        with tf.control_dependencies(done):
            self._update("generator", self._generator_loss, fakes)
        self._ema.update(warmed_up_decay(self.ema_decay, self.step))
        self.step.assign_add(1)
        return self.get_metrics_result()

    def _discriminator_loss(self, real_images, real_labels, latents, fake_labels):
        """Raises the logits of real images and lowers those of generated ones (equation 4, L_D)."""
        fake_images = tf.stop_gradient(self.generator(latents, fake_labels, training=True))
        # One call, so that the power iteration moves once and both halves see the same kernels.
        logits = self.discriminator(
            tf.concat([real_images, fake_images], axis=0),
            tf.concat([real_labels, fake_labels], axis=0),
            training=True,
        )
        real_logits, fake_logits = tf.split(logits, 2)
        self._means["real_logits"].update_state(real_logits)
        self._means["fake_logits"].update_state(fake_logits)
        return self._adversarial.discriminator(real_logits, fake_logits)

    def _generator_loss(self, latents, labels):
        """Raises the logits of generated images (equation 4, L_G).

        D only judges: `training=False` leaves its `u` where D's update put it.
        """
        images = self.generator(latents, labels, training=True)
        logits = self.discriminator(images, labels, training=False)
        return self._adversarial.generator(logits)

    def _batch_size_of_an_update(self, images):
        """Images in one of the `d_steps` updates of D, and the checks that they wait for.

        Replicas need batches of one size, since the mean over all replicas is a mean of means.

        Raises:
            ConfigError: the images cannot be cut into equal parts and micro-batches.
        """
        parts = self.d_steps * self.accumulation_steps
        allowed = f"a multiple of d_steps={self.d_steps} times accumulation_steps"
        allowed += f"={self.accumulation_steps}, above 0"
        context = tf.distribute.get_replica_context()
        size, size_here = images.shape[0], tf.shape(images)[0]
        if size is not None and (size == 0 or size % parts):
            raise ConfigError("batch_size", size, allowed)
        if size is not None and context.num_replicas_in_sync == 1:
            return size // self.d_steps, []
        total = context.all_reduce(tf.distribute.ReduceOp.SUM, size_here)
        is_equal = size_here * context.num_replicas_in_sync == total
        is_usable = is_equal & (size_here > 0) & (size_here % parts == 0)
        message = f"the batch of each replica must be equal, and {allowed}"
        check = tf.debugging.Assert(is_usable, [message, size_here])
        return (size or size_here) // self.d_steps, [check]

    def _sample_inputs(self, batch_size, seed):
        """Latents and labels of the images that G makes for one update."""
        return sampling.training_inputs(
            seed, batch_size, self.generator.latent_dim, self.generator.num_classes
        )

    def test_step(self, data):
        """Measures both losses on held-out images, for `evaluate` and `validation_data`.

        The generator makes an image for each held-out label, from the same latents every time.
        Nothing moves: no weight, no `u`, no moving statistic.
        """
        images, labels = inputs.prepare(data, self.discriminator)
        seed = sampling.fold_in(sampling.root_seed(self.seed), _HELD_OUT_STREAM)
        latents, _ = self._sample_inputs(tf.shape(images)[0], seed)
        real_logits = self.discriminator(images, labels)
        fake_logits = self.discriminator(self.generator(latents, labels), labels)
        per_example = {
            "discriminator_loss": self._adversarial.discriminator(real_logits, fake_logits),
            "generator_loss": self._adversarial.generator(fake_logits),
            "real_logits": real_logits,
            "fake_logits": fake_logits,
        }
        for name, values in per_example.items():
            self._means[name].update_state(values)
        return {name: self._means[name].result() for name in per_example}

    def call(self, latents, labels=None, training=False):
        """Generates float32 images in [-1, 1] with the EMA generator.

        Args:
            latents: float32 (b, latent_dim); or a pair (latents, labels), as `predict` passes it.
            labels: int (b,), in [0, num_classes).
            training: has no effect: the EMA generator does not train.
        """
        if isinstance(latents, (tuple, list)):
            latents, labels = latents
        return self.ema_generator(latents, labels)

    def generate(
        self, labels=None, num_images=None, seed=DEFAULTS.seed, truncation=1.0, batch_size=64
    ):
        """Generates images with the EMA generator.

        Args:
            labels: one class an image, in [0, num_classes), as a list or array (n,).
            num_images: how many, for an unconditional model.
            seed: int; the same seed and labels give the same images.
            truncation: deviation of the latents, in (0, 1]; lower is cleaner and less varied.
            batch_size: images generated at a time.

        Returns:
            uint8 NumPy array (n, h, w, c).

        Raises:
            ConfigError: an argument is missing or not allowed.
        """
        return generation.generate_images(
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
