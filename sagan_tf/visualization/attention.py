"""Attention maps over images (SAGAN figures 1 and 5)."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from sagan_tf.images import enlarge_to, to_rgb
from sagan_tf.visualization import sheets

# Red, green, blue, orange, violet: the dots of query points.
COLORS = ((230, 60, 50), (40, 170, 70), (50, 110, 230), (240, 160, 20), (150, 70, 200))
# Fractions of height and width: the middle, and one point towards each corner.
POINTS = ((0.5, 0.5), (0.25, 0.3), (0.25, 0.7), (0.8, 0.3), (0.8, 0.7))
_DIM = 0.45  # brightness of the image under attention 0, as a share
_STRONGEST = 0.8  # opacity of the colour under the strongest attention
_DOT = 0.035  # radius of a dot, as a share of the image's height


def overlay(image, attention_map, point, color=COLORS[0]):
    """Lays the attention map of one query over an image, with a dot at the query.

    The image becomes dim and gray. The place of the strongest attention gets the query's colour.

    Args:
        image: uint8 (h, w, 1 or 3).
        attention_map: float (keys_h, keys_w), at least 0; its scale does not matter.
        point: (row, column) of the query, fractions of the image in [0, 1).
        color: of the dot and the map, three numbers from 0 to 255.

    Returns:
        uint8 (h, w, 3).
    """
    height, width = image.shape[:2]
    heat = np.asarray(attention_map, np.float32)
    heat = heat / max(float(heat.max()), 1e-12)
    heat = Image.fromarray(heat).resize((width, height), Image.Resampling.BILINEAR)
    strength = _STRONGEST * np.clip(np.asarray(heat), 0.0, 1.0)[..., None]
    gray = _DIM * image.mean(axis=-1, keepdims=True)
    mixed = (1.0 - strength) * gray + strength * np.array(color, np.float32)
    return with_dots(mixed.round().astype(np.uint8), [point], [color])


def with_dots(image, points, colors=COLORS):
    """Adds a dot at each point to an image.

    Args:
        image: uint8 (h, w, 1 or 3).
        points: (row, column) of each dot, fractions of the image.
        colors: one for each point.

    Returns:
        uint8 (h, w, 3).
    """
    height, width = image.shape[:2]
    picture = Image.fromarray(to_rgb(image))
    canvas = ImageDraw.Draw(picture)
    radius = max(_DOT * height, 1.0)
    for (row, column), color in zip(points, colors):
        y, x = row * height, column * width
        box = (x - radius, y - radius, x + radius, y + radius)
        canvas.ellipse(box, fill=tuple(color), outline="white")
    return np.asarray(picture)


def choose(maps, points):
    """Selects the attention maps of the queries at some points.

    Args:
        maps: float (n, h, w, keys_h, keys_w), of h x w queries in each image.
        points: (row, column) of each query, fractions in [0, 1).

    Returns:
        float (n, queries, keys_h, keys_w), and the (row, column) of each selected query's centre.
    """
    height, width = maps.shape[1:3]
    cells = [(int(row * height), int(column * width)) for row, column in points]
    chosen = np.stack([maps[:, row, column] for row, column in cells], axis=1)
    return chosen, [((row + 0.5) / height, (column + 0.5) / width) for row, column in cells]


def attention_sheet(images, maps, points, captions=None, height=128):
    """Plots a row for each image: the image with the dots of all queries, then each overlay.

    Args:
        images: uint8 (n, h, w, c).
        maps: float (n, queries, keys_h, keys_w).
        points: (row, column) of each query, fractions; at most `len(COLORS)`.
        captions: one text for each image, or None.
        height: least height of each image in pixels.

    Returns:
        uint8 (height, width, 3).
    """
    large = enlarge_to(images, height)
    rows = [
        np.stack([with_dots(image, points), *map(_overlay_of(image), image_maps, points, COLORS)])
        for image, image_maps in zip(large, maps)
    ]
    return sheets.sheet(rows, captions)


def _overlay_of(image):
    return lambda attention_map, point, color: overlay(image, attention_map, point, color)
