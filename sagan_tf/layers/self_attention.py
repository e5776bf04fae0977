"""The self-attention module of SAGAN (arXiv:1805.08318, section 3)."""

import keras
import tensorflow as tf

from sagan_tf.errors import ConfigError
from sagan_tf.layers.spectral_norm import conv2d


@keras.saving.register_keras_serializable(package="sagan_tf")
class SelfAttention2D(keras.layers.Layer):
    """Adds to each position a weighted sum over all positions, through a gate that starts at 0.

    `y = gamma * v(sum_i softmax_i(key_i . query_j) * value_i) + x` (equations 1 to 3). By default
    it follows the authors' released code: query and key with c/8 channels, value with c/2, keys
    and values max-pooled 2x2. `pool_size=1, value_channels=c // 8` is the paper's text.

    Attention at h x w holds `(h*w)**2 / pool_size**2` weights an image: r**4 / 4 by default.

    Args:
        pool_size: max-pooling of keys and values; 1 for none. Must divide h and w.
        query_channels: channels of query and key; None means c // 8, at least 1.
        value_channels: channels of value; None means c // 2, at least 1.
        spectral_norm: whether the four 1x1 convolutions are spectrally normalized.
        **kwargs: those of `keras.layers.Layer`.

    Input and output shape: (b, h, w, c). With `return_attention_map=True` also the map
    (b, h, w, h / pool_size, w / pool_size), float32, which sums to 1 over its last two axes.

    Raises:
        ConfigError: `pool_size` does not divide the feature map.
    """

    def __init__(
        self,
        pool_size=2,
        query_channels=None,
        value_channels=None,
        spectral_norm=True,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.pool_size = pool_size
        self.query_channels = query_channels
        self.value_channels = value_channels
        self.spectral_norm = spectral_norm

    def build(self, input_shape):
        """Creates the four convolutions and the gate `gamma`."""
        _, height, width, channels = input_shape
        for size in (height, width):
            if size is not None and size % self.pool_size:
                raise ConfigError("pool_size", self.pool_size, f"a divisor of {height}x{width}")
        query_channels = self.query_channels or max(channels // 8, 1)
        value_channels = self.value_channels or max(channels // 2, 1)
        self.query = self._projection(query_channels, channels, "query")
        self.key = self._projection(query_channels, channels, "key")
        self.value = self._projection(value_channels, channels, "value")
        self.output_projection = self._projection(channels, value_channels, "output_projection")
        self.gamma = self.add_weight(name="gamma", shape=(), initializer="zeros")
        self.built = True

    def _projection(self, filters, input_channels, name):
        layer = conv2d(
            filters, 1, self.spectral_norm, use_bias=False, dtype=self.dtype_policy, name=name
        )
        layer.build((None, None, None, input_channels))
        return layer

    def call(self, inputs, training=False, return_attention_map=False):
        """Attends; see the class for shapes."""
        batch, height, width, _ = tf.unstack(tf.shape(inputs))
        keys_height, keys_width = height // self.pool_size, width // self.pool_size
        query = _flatten_space(self.query(inputs))  # (b, h*w, c/8)
        key = _flatten_space(self._pool(self.key(inputs)))  # (b, k, c/8)
        value = _flatten_space(self._pool(self.value(inputs)))  # (b, k, c/2)

        scores = tf.cast(tf.matmul(query, key, transpose_b=True), tf.float32)  # (b, h*w, k)
        attention_map = tf.nn.softmax(scores)
        attended = tf.matmul(tf.cast(attention_map, value.dtype), value)  # (b, h*w, c/2)
        attended = tf.reshape(attended, (batch, height, width, value.shape[-1]))
        attended.set_shape((*inputs.shape[:3], value.shape[-1]))
        projected = self.output_projection(attended)
        outputs = tf.cast(self.gamma, inputs.dtype) * projected + inputs
        if return_attention_map:
            shape = (batch, height, width, keys_height, keys_width)
            return outputs, tf.reshape(attention_map, shape)
        return outputs

    def _pool(self, images):
        if self.pool_size == 1:
            return images
        return tf.nn.max_pool2d(images, self.pool_size, self.pool_size, "VALID")

    def get_config(self):
        """Arguments that build this layer again."""
        return {
            **super().get_config(),
            "pool_size": self.pool_size,
            "query_channels": self.query_channels,
            "value_channels": self.value_channels,
            "spectral_norm": self.spectral_norm,
        }


def _flatten_space(images):
    shape = tf.shape(images)
    return tf.reshape(images, (shape[0], shape[1] * shape[2], images.shape[-1]))
