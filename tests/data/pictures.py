"""Real image files of every kind, made by Pillow."""

import io

import numpy as np
from PIL import Image


def photo(width, height, seed=0):
    """A smooth colourful RGB picture, no two corners alike."""
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 256, (4, 5, 3), dtype=np.uint8))
    return coarse.resize((width, height), Image.BICUBIC)


def encode(image, kind, **options):
    """The bytes of an image file."""
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()
