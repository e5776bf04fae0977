"""The generator and the projection discriminator of SAGAN.

Keras passes `training` of the outermost call on to every layer inside it.
"""

import keras
import tensorflow as tf

from sagan_tf.errors import ConfigError, DataError
from sagan_tf.layers.conditional_batch_norm import ConditionalBatchNormalization
from sagan_tf.layers.residual_blocks import DiscriminatorBlock, GeneratorBlock
from sagan_tf.layers.spectral_norm import conv2d, dense, embedding
from sagan_tf.models import architecture, inputs


@keras.saving.register_keras_serializable(package="sagan_tf")
@architecture.arguments_from_fields("generator")
class Generator(architecture.Network):
    """Generates images from latents and labels (SAGAN section 4; the released code's ResNet).

    A spectral dense layer to 4x4, residual blocks that double the resolution with conditional
    batch normalization, self-attention after the block that reaches `attention_resolution`,
    batch norm, relu, a 3x3 convolution, tanh.

    Args:
        ARGUMENTS
        **kwargs: those of `keras.Model`; `dtype="mixed_bfloat16"` for mixed precision.

    Input shapes: latents (b, latent_dim), and integer labels (b,).
    Output shape: float32 images (b, resolution, resolution, channels) in [-1, 1].

    Raises:
        ConfigError: an argument has a value that is not allowed.
    """

    derive_multipliers = staticmethod(architecture.generator_multipliers)

    def _make_layers(self):
        policy = self.dtype_policy
        first, *widths = [m * self.base_channels for m in self.channel_multipliers]
        self.dense = dense(4 * 4 * first, self.spectral_norm, dtype=policy, name="dense")
        self.dense.build((None, self.latent_dim))
        shape = (None, 4, 4, first)
        for index, width in enumerate(widths):
            block = GeneratorBlock(
                width,
                self.num_classes,
                self.spectral_norm,
                self.batch_norm_momentum,
                self.batch_norm_epsilon,
                dtype=policy,
                name=f"block{index + 1}",
            )
            input_shape, shape = shape, (None, 2 * shape[1], 2 * shape[2], width)
            self._add_block(block, input_shape, shape)
        self.norm = ConditionalBatchNormalization(
            None, self.batch_norm_momentum, self.batch_norm_epsilon, dtype=policy, name="norm"
        )
        self.norm.build(shape)
        self.to_image = conv2d(self.channels, 3, self.spectral_norm, dtype=policy, name="to_image")
        self.to_image.build(shape)

    def call(self, latents, labels=None, training=False, return_attention_maps=False):
        """Generates the images; `training=True` uses the batch's moments and moves statistics.

        Args:
            latents: float32 (b, latent_dim).
            labels: int (b,), in [0, num_classes); ignored by an unconditional generator.
            training: whether this is a training step.
            return_attention_maps: whether to return (images, maps), as `attention_maps` has them;
                without self-attention, maps is None.

        Raises:
            DataError: labels are missing.
        """
        maps = None
        hidden, labels = self._start(latents, labels)
        for block in self.blocks:
            hidden = block(hidden, labels, training=training)
            if self._attends_after(hidden):
                if return_attention_maps and self.has_attention_maps:
                    hidden, maps = self.attention(hidden, return_attention_map=True)
                else:
                    hidden = self.attention(hidden, training=training)
        hidden = tf.nn.relu(self.norm(hidden))
        images = tf.tanh(tf.cast(self.to_image(hidden), tf.float32))
        return (images, maps) if return_attention_maps else images

    @property
    def has_attention_maps(self):
        """True with self-attention, False with a residual block in its place or nothing."""
        return self.attention is not None and self.attention_block == "self_attention"

    def attention_maps(self, latents, labels=None):
        """Attention of each position to all keys: float32 (b, h, w, keys_h, keys_w), sums of 1.

        Args:
            latents: float32 (b, latent_dim).
            labels: int (b,); ignored by an unconditional generator.

        Raises:
            ConfigError: this generator has no self-attention.
        """
        if not self.has_attention_maps:
            raise ConfigError("attention_block", None, "self_attention to have attention maps")
        return self(latents, labels, return_attention_maps=True)[1]

    def _start(self, latents, labels):
        if self.num_classes is None:
            labels = None
        elif labels is None:
            raise DataError("labels are missing; this generator is class-conditional")
        else:
            labels = inputs.label_vector(labels)
        hidden = self.dense(latents)  # (b, 16*c)
        return tf.reshape(hidden, (-1, 4, 4, hidden.shape[-1] // 16)), labels

    def _attends_after(self, hidden):
        return self.attention is not None and hidden.shape[1] == self.attention_resolution


@keras.saving.register_keras_serializable(package="sagan_tf")
@architecture.arguments_from_fields("discriminator")
class Discriminator(architecture.Network):
    """Scores images as real or not (SAGAN section 4; the released code's ResNet).

    Residual blocks that halve the resolution to 4x4, self-attention after the block that reaches
    `attention_resolution`, a last block without pooling, relu, sum over space, a spectral dense
    layer, plus the projection on a class embedding (Miyato & Koyama, arXiv:1802.05637).

    Args:
        ARGUMENTS
        **kwargs: those of `keras.Model`; `dtype="mixed_bfloat16"` for mixed precision.

    Input shapes: images (b, resolution, resolution, channels) in [-1, 1]; integer labels (b,).
    Output shape: float32 logits (b,).

    Raises:
        ConfigError: an argument has a value that is not allowed.
    """

    derive_multipliers = staticmethod(architecture.discriminator_multipliers)

    def _make_layers(self):
        policy = self.dtype_policy
        widths = [m * self.base_channels for m in self.channel_multipliers]
        shape = (None, self.resolution, self.resolution, self.channels)
        for index, width in enumerate(widths):
            last = index == len(widths) - 1
            block = DiscriminatorBlock(
                width,
                downsample=not last,
                preactivation=index > 0,
                spectral_norm=self.spectral_norm,
                dtype=policy,
                name=f"block{index + 1}",
            )
            factor = 1 if last else 2
            input_shape, shape = shape, (None, shape[1] // factor, shape[2] // factor, width)
            self._add_block(block, input_shape, shape)
        self.dense = dense(1, self.spectral_norm, dtype=policy, name="dense")
        self.dense.build((None, widths[-1]))
        self.embedding = None
        if self.num_classes is not None:
            self.embedding = embedding(
                self.num_classes, widths[-1], self.spectral_norm, dtype=policy, name="embedding"
            )
            self.embedding.build((None,))

    def call(self, images, labels=None, training=False):
        """Scores the images; `training=True` lets spectral normalization move.

        Args:
            images: float (b, resolution, resolution, channels) in [-1, 1].
            labels: int (b,), in [0, num_classes); ignored by an unconditional discriminator.
            training: whether this is a training step.

        Raises:
            DataError: labels are missing, or images are integers such as uint8.
        """
        images = tf.convert_to_tensor(images)
        if not images.dtype.is_floating:
            raise DataError(
                f"images have type {images.dtype.name}; the discriminator takes floats in [-1, 1]"
            )
        if self.embedding is not None:
            if labels is None:
                raise DataError("labels are missing; this discriminator is class-conditional")
            labels = inputs.label_vector(labels)
        hidden = tf.cast(images, self.compute_dtype)
        for block in self.blocks:
            hidden = block(hidden, training=training)
            if self._attends_after(block, hidden):
                hidden = self.attention(hidden, training=training)
        features = tf.reduce_sum(tf.nn.relu(hidden), axis=(1, 2))  # (b, c)
        logits = tf.cast(self.dense(features)[:, 0], tf.float32)
        if self.embedding is not None:
            projection = features * self.embedding(labels)
            logits += tf.reduce_sum(tf.cast(projection, tf.float32), axis=1)
        return logits

    def _attends_after(self, block, hidden):
        return block.downsample and hidden.shape[1] == self.attention_resolution
