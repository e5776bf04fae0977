"""TensorBoard summaries other than scalars: attention overlays, histograms, hyperparameters."""

from __future__ import annotations

import dataclasses

import numpy as np
import tensorflow as tf
from tensorboard.plugins.hparams import summary_v2  # `api` of the same package needs `tf.keras`

from sagan_tf import sampling
from sagan_tf.keras_compat import named_layers
from sagan_tf.layers.conditional_batch_norm import ConditionalBatchNormalization
from sagan_tf.visualization import attention

_OVERLAYS = 4  # images with their attention


def write_attention(writer, step, generator, latents, labels):
    """Writes overlays of where the generator looks, for four images, if it has self-attention.

    Args:
        writer: of `tf.summary.create_file_writer`.
        step: steps done.
        generator: a `Generator`.
        latents: float32 (n, latent_dim).
        labels: int32 (n,).
    """
    if not generator.has_attention_maps:
        return
    # Images of different classes, if there are several.
    first = np.unique(np.asarray(labels), return_index=True)[1]
    rows = np.resize(np.sort(first), _OVERLAYS) if len(first) > 1 else np.arange(_OVERLAYS)
    rows = rows % len(latents)
    images, maps = generator(
        tf.gather(latents, rows), tf.gather(labels, rows), return_attention_maps=True
    )
    chosen, points = attention.choose(maps.numpy(), attention.POINTS)
    sheet = attention.attention_sheet(sampling.to_uint8(images).numpy(), chosen, points)
    with writer.as_default(step=step):
        tf.summary.image("attention", sheet[None])


def write_histograms(writer, step, model, sigmas):
    """Writes histograms of each network's spectral norms and of the scales of its batch norms.

    Args:
        writer: of `tf.summary.create_file_writer`.
        step: steps done.
        model: `SAGAN`.
        sigmas: {path of a layer: its spectral norm}; paths begin with "generator/" or
            "discriminator/".
    """
    with writer.as_default(step=step):
        for network in ("generator", "discriminator"):
            norms = [sigma for path, sigma in sigmas.items() if path.startswith(f"{network}/")]
            scales = [
                tf.reshape(tf.convert_to_tensor(layer.gamma), [-1])
                for _, layer in named_layers(getattr(model, network))
                if isinstance(layer, ConditionalBatchNormalization)
            ]
            if norms:
                tf.summary.histogram(f"sigma/{network}", norms)
            if scales:
                tf.summary.histogram(f"gamma/{network}/batch_norm", tf.concat(scales, axis=0))


def write_hyperparameters(writer, config):
    """Writes the configuration for TensorBoard's HParams tab, a table of all runs.

    Args:
        writer: of `tf.summary.create_file_writer`.
        config: `ExperimentConfig`.
    """
    values = {
        name: value if isinstance(value, (bool, int, float, str)) else str(value)
        for name, value in dataclasses.asdict(config).items()
    }
    with writer.as_default(step=0):
        summary_v2.hparams(values)
