"""A font for every text in a picture: names of classes come in all scripts."""

from __future__ import annotations

import functools
import os

import matplotlib
from matplotlib import font_manager, ft2font
from PIL import ImageFont

# It comes with Matplotlib, and has the letters of Latin, Greek, Cyrillic and more.
_DEFAULT = os.path.join(matplotlib.get_data_path(), "fonts", "ttf", "DejaVuSans.ttf")


def choose(text, size):
    r"""Returns a text as it can be drawn, and a font that has all its characters.

    Args:
        text: one line.
        size: of the font in pixels.

    Returns:
        The text, in which escapes such as `\u732b` stand for characters that no font of this
        machine has; and a `PIL.ImageFont.FreeTypeFont`.
    """
    path = _path(frozenset(text))
    if path is None:
        path = _DEFAULT
        known = _characters(path)
        text = "".join(
            c if ord(c) in known else c.encode("ascii", "backslashreplace").decode() for c in text
        )
    return text, ImageFont.truetype(path, size)


@functools.cache
def _path(characters):
    """Returns the file of a font that has all characters, or None."""
    wanted = {ord(character) for character in characters}
    if wanted <= _characters(_DEFAULT):
        return _DEFAULT
    for path in sorted(font_manager.findSystemFonts()):
        if wanted <= _characters(path):
            return path
    return None


@functools.cache
def _characters(path):
    """Returns the code points that a font has; none for a file that is no font."""
    try:
        return frozenset(ft2font.FT2Font(path).get_charmap())
    except (RuntimeError, OSError):
        return frozenset()
