"""Self-Attention GAN (Zhang et al., arXiv:1805.08318) in one file, for 32x32 images of clothes.

`python examples/minimal_sagan.py` trains on the images that come with the package. The layers are
the package's; docs/algorithm.md says where each equation is.
"""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

import keras
import tensorflow as tf

import sagan_tf
from sagan_tf import layers
from sagan_tf.data import sources

LATENT_DIM, NUM_CLASSES, WIDTH = 128, 10, 32
G_LEARNING_RATE, D_LEARNING_RATE = 1e-4, 4e-4  # two timescales, section 4.2


class Generator(keras.Model):
    """G(z, y): a dense layer to 4x4, then three blocks that each double the size."""

    def __init__(self, latent_dim=LATENT_DIM, num_classes=NUM_CLASSES, width=WIDTH):
        super().__init__()
        # Spectral normalization in both networks (section 4.1): each kernel is divided by an
        # estimate of its largest singular value, from one power iteration a step.
        self.dense = layers.SpectralDense(4 * 4 * 8 * width)
        self.block1 = layers.GeneratorBlock(4 * width, num_classes)
        self.block2 = layers.GeneratorBlock(2 * width, num_classes)
        # Equations 1 to 3: y = gamma * o + x, where o is a weighted sum over all positions.
        self.attention = layers.SelfAttention2D()
        self.block3 = layers.GeneratorBlock(width, num_classes)
        self.norm = layers.ConditionalBatchNormalization()  # no classes: plain batch norm
        self.to_image = layers.SpectralConv2D(1, 3, padding="same")
        self(tf.zeros((1, latent_dim)), tf.zeros((1,), tf.int32))  # creates the weights

    def call(self, latents, labels, training=False):
        """Images (b, 32, 32, 1) in [-1, 1] from latents (b, latent_dim) and labels (b,)."""
        hidden = self.dense(latents, training=training)
        hidden = tf.reshape(hidden, (-1, 4, 4, hidden.shape[-1] // 16))
        hidden = self.block1(hidden, labels, training=training)  # 8x8
        hidden = self.block2(hidden, labels, training=training)  # 16x16
        hidden = self.attention(hidden, training=training)
        hidden = self.block3(hidden, labels, training=training)  # 32x32
        hidden = tf.nn.relu(self.norm(hidden, training=training))
        return tf.tanh(self.to_image(hidden, training=training))


class Discriminator(keras.Model):
    """D(x, y): three blocks that each halve the size, and a projection on the class."""

    def __init__(self, num_classes=NUM_CLASSES, width=WIDTH):
        super().__init__()
        self.block1 = layers.DiscriminatorBlock(width, preactivation=False)
        self.attention = layers.SelfAttention2D()
        self.block2 = layers.DiscriminatorBlock(2 * width)
        self.block3 = layers.DiscriminatorBlock(4 * width)
        self.block4 = layers.DiscriminatorBlock(4 * width, downsample=False)
        self.dense = layers.SpectralDense(1)
        self.embedding = layers.SpectralEmbedding(num_classes, 4 * width)
        self(tf.zeros((1, 32, 32, 1)), tf.zeros((1,), tf.int32))  # creates the weights

    def call(self, images, labels, training=False):
        """Logits (b,) of images (b, 32, 32, 1); D takes an image for real if it is above 0."""
        hidden = self.block1(images, training=training)  # 16x16
        hidden = self.attention(hidden, training=training)
        hidden = self.block2(hidden, training=training)  # 8x8
        hidden = self.block3(hidden, training=training)  # 4x4
        hidden = tf.nn.relu(self.block4(hidden, training=training))
        features = tf.reduce_sum(hidden, axis=(1, 2))
        # The projection discriminator (arXiv:1802.05637): w . f + b + e(y) . f.
        projection = features * self.embedding(labels, training=training)
        return self.dense(features, training=training)[:, 0] + tf.reduce_sum(projection, axis=1)


def optimizers():
    """Adam for G and for D, without momentum. The settings are the released code's."""
    adam = {"beta_1": 0.0, "beta_2": 0.999, "epsilon": 1e-8}
    return [keras.optimizers.Adam(rate, **adam) for rate in (G_LEARNING_RATE, D_LEARNING_RATE)]


def train_step(networks, adams, images, labels, d_inputs, g_inputs):
    """Updates D, then G, with the hinge loss (equation 4).

    `d_inputs` and `g_inputs` are the latents and labels that G gets for each update.
    """
    generator, discriminator = networks
    g_adam, d_adam = adams

    # L_D = E[max(0, 1 - D(x, y))] + E[max(0, 1 + D(G(z), y))]
    fakes = generator(*d_inputs, training=True)
    with tf.GradientTape() as tape:
        # One call for real and fake images: both meet the same normalized kernels.
        both = tf.concat([images, fakes], axis=0), tf.concat([labels, d_inputs[1]], axis=0)
        real_logits, fake_logits = tf.split(discriminator(*both, training=True), 2)
        d_loss = tf.reduce_mean(tf.nn.relu(1.0 - real_logits) + tf.nn.relu(1.0 + fake_logits))
    weights = discriminator.trainable_variables
    d_adam.apply_gradients(zip(tape.gradient(d_loss, weights), weights))

    # L_G = -E[D(G(z), y)]
    with tf.GradientTape() as tape:
        fakes = generator(*g_inputs, training=True)
        g_loss = -tf.reduce_mean(discriminator(fakes, g_inputs[1], training=False))
    weights = generator.trainable_variables
    g_adam.apply_gradients(zip(tape.gradient(g_loss, weights), weights))
    return d_loss, g_loss


def sample_inputs(batch_size):
    """Latents from N(0, I), and labels that are uniform over the classes."""
    labels = tf.random.uniform((batch_size,), 0, NUM_CLASSES, tf.int32)
    return tf.random.normal((batch_size, LATENT_DIM)), labels


def main(steps=1000, batch_size=64):
    """Trains, and prints both losses every 50 steps."""
    source = sources.open_source(sagan_tf.config.get("fashion_mnist_32"))
    images = tf.cast(source.images, tf.float32) / 127.5 - 1.0
    data = tf.data.Dataset.from_tensor_slices((images, source.labels))
    data = data.shuffle(len(images)).repeat().batch(batch_size, drop_remainder=True)
    networks, adams = (Generator(), Discriminator()), optimizers()
    for adam, network in zip(adams, networks):
        adam.build(network.trainable_variables)
    step = tf.function(lambda *batch: train_step(networks, adams, *batch))
    for number, (real, labels) in enumerate(data.take(steps), 1):
        d_loss, g_loss = step(real, labels, sample_inputs(batch_size), sample_inputs(batch_size))
        if number == 1 or number % 50 == 0:
            print(f"step {number}: D {float(d_loss):.3f}, G {float(g_loss):.3f}", flush=True)


if __name__ == "__main__":
    main()
