"""Sheets: rows of images with captions, as one picture."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from sagan_tf.images import image_grid, to_rgb

_FONT_SIZE = 15
_MARGIN = 8


def sheet(rows, captions=None, heading=None, gap=2):
    """One picture of rows of images, with a caption left of each and a heading above.

    Args:
        rows: list of uint8 arrays (n, h, w, c), all of one n, h, w and c.
        captions: one text a row, or None.
        heading: a line above all, or None.
        gap: pixels between images.

    Returns:
        uint8 (height, width, 3).
    """
    images = to_rgb(np.concatenate(rows))
    grid = image_grid(images, len(rows[0]), gap)
    font = ImageFont.load_default(_FONT_SIZE)
    left = _widest(captions, font)
    top = 2 * _FONT_SIZE if heading else 0
    size = (left + grid.shape[1], top + grid.shape[0])
    size = (max(size[0], _widest([heading] if heading else None, font)), size[1])
    canvas = Image.new("RGB", size, "white")
    canvas.paste(Image.fromarray(grid), (left, top))
    drawing = ImageDraw.Draw(canvas)
    if heading:
        drawing.text((_MARGIN, top / 2), heading, "black", font, anchor="lm")
    for index, caption in enumerate(captions or ()):
        middle = top + gap + (index + 0.5) * (images.shape[1] + gap)
        drawing.text((left - _MARGIN, middle), caption, "black", font, anchor="rm")
    return np.asarray(canvas)


def animation(frames, kind, milliseconds=60):
    """An animated picture that goes on for ever, as bytes.

    Args:
        frames: list of uint8 (h, w, 1 or 3), all of one size.
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


def _widest(texts, font):
    """Pixels that the longest of some texts takes, with its margins; 0 for none."""
    if not texts:
        return 0
    return round(max(font.getlength(text) for text in texts)) + 2 * _MARGIN
