"""Nearest real images of generated ones: a check for copies of the training data."""

from __future__ import annotations

import numpy as np


def nearest(network, images, real, count, batch_size=256):
    """Finds the real images whose features are nearest to the features of each given image.

    Args:
        network: `FeatureNetwork`.
        images: uint8 (n, h, w, c).
        real: `RealImages`.
        count: number of neighbours of each image.
        batch_size: number of real images in a batch.

    Returns:
        uint8 (n, count, h, w, c), nearest first, and their distances, float (n, count).
    """
    wanted = _features(network, images)
    distances = np.full((len(images), count), np.inf)
    found = np.zeros((len(images), count, *images.shape[1:]), np.uint8)
    left = real.num_images
    for batch, labels in real.batches(real.num_images, batch_size):
        batch = real.images(batch, labels)[:left]  # the last batch may have surplus rows
        left -= len(batch)
        squares = ((wanted[:, None] - _features(network, batch)[None]) ** 2).sum(axis=-1)
        shape = (len(images), *batch.shape)
        candidates = np.concatenate([found, np.broadcast_to(batch, shape)], axis=1)
        all_distances = np.concatenate([distances, np.sqrt(squares)], axis=1)
        order = np.argsort(all_distances, axis=1, kind="stable")[:, :count]
        distances = np.take_along_axis(all_distances, order, axis=1)
        found = np.stack([c[o] for c, o in zip(candidates, order)])
    return found, distances


def _features(network, images):
    return network(images).features.numpy().astype(np.float64)
