"""Sheets: rows of images with captions, as one picture."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, ImageDraw

from sagan_tf.images import image_grid, to_rgb
from sagan_tf.visualization import fonts

_FONT_SIZE = 15
_MARGIN = 8


def sheet(rows, captions=None, heading=None, gap=2):
    """Plots rows of images, with a caption left of each row and a heading above.

    Args:
        rows: list of uint8 arrays (n, h, w, c) of equal shape.
        captions: one text for each row, or None.
        heading: one line of text, or None.
        gap: pixels between images.

    Returns:
        uint8 (height, width, 3).
    """
    images = to_rgb(np.concatenate(rows))
    grid = image_grid(images, len(rows[0]), gap)
    captions = [fonts.choose(caption, _FONT_SIZE) for caption in captions or ()]
    headings = [fonts.choose(heading, _FONT_SIZE)] if heading else []
    left = _widest(captions)
    top = 2 * _FONT_SIZE if heading else 0
    size = (max(left + grid.shape[1], _widest(headings)), top + grid.shape[0])
    canvas = Image.new("RGB", size, "white")
    canvas.paste(Image.fromarray(grid), (left, top))
    text = ImageDraw.Draw(canvas)
    for heading, font in headings:
        text.text((_MARGIN, top / 2), heading, "black", font, anchor="lm")
    for index, (caption, font) in enumerate(captions):
        middle = top + gap + (index + 0.5) * (images.shape[1] + gap)
        text.text((left - _MARGIN, middle), caption, "black", font, anchor="rm")
    return np.asarray(canvas)


def animation(frames, kind, milliseconds=60):
    """Returns an animated picture that repeats without end, as bytes.

    Args:
        frames: list of uint8 (h, w, 1 or 3) of equal size.
        kind: "gif" or "webp".
        milliseconds: of each frame.
    """
    pictures = [Image.fromarray(to_rgb(frame)) for frame in frames]
    options = {"lossless": True} if kind == "webp" else {}
    buffer = io.BytesIO()
    pictures[0].save(
        buffer,
        kind,
        save_all=True,
        append_images=pictures[1:],
        duration=milliseconds,
        loop=0,
        **options,
    )
    return buffer.getvalue()


def _widest(texts):
    """Returns the width in pixels of the longest (text, font) with margins; 0 without texts."""
    if not texts:
        return 0
    return round(max(font.getlength(text) for text, font in texts)) + 2 * _MARGIN
