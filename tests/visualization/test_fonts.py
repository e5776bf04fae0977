"""Names of classes in all scripts, as pictures show them."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

from sagan_tf.visualization import fonts


def drawn(text, font):
    canvas = Image.new("L", (40, 30), 255)
    ImageDraw.Draw(canvas).text((5, 5), text, 0, font)
    return np.asarray(canvas)


@pytest.mark.parametrize("text", ["u\u0308", "\u00fc", "\u0436", "\u03b1", "\u05d0", "\u2192"])
def test_letters_of_many_scripts_are_no_boxes(text):
    text, font = fonts.choose(text, 15)
    box = drawn("\U0010fffd", font)  # a character that no font has
    assert drawn(text, font).min() < 128
    assert not np.array_equal(drawn(text, font), box)


def test_what_no_font_has_is_escaped(monkeypatch):
    monkeypatch.setattr(fonts.font_manager, "findSystemFonts", list)
    fonts._path.cache_clear()
    text, _ = fonts.choose("\u732b and cats \U0010fffd", 15)
    assert text == r"\u732b and cats \U0010fffd"
    fonts._path.cache_clear()


def test_a_font_of_the_machine_is_taken_if_it_has_the_characters(monkeypatch, tmp_path):
    (tmp_path / "broken.ttf").write_text("no font")
    other = fonts._DEFAULT.replace("DejaVuSans.ttf", "STIXGeneral.ttf")
    text = "\u20df"  # in STIX and not in DejaVu
    assert ord(text) in fonts._characters(other) - fonts._characters(fonts._DEFAULT)
    found = [str(tmp_path / "broken.ttf"), other]
    monkeypatch.setattr(fonts.font_manager, "findSystemFonts", lambda: found)
    fonts._path.cache_clear()
    drawable, font = fonts.choose(text, 15)
    assert drawable == text and font.path == other
    fonts._path.cache_clear()
