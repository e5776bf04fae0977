"""The projection discriminator of SAGAN."""

import keras
import tensorflow as tf

from sagan_tf.errors import DataError
from sagan_tf.layers.linear import dense, embedding
from sagan_tf.layers.residual_blocks import DiscriminatorBlock
from sagan_tf.models import architecture, inputs


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
