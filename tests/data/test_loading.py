"""Loading images by name: in order, in parallel, and damaged ones are named."""

import threading

import numpy as np
import pytest
import tensorflow as tf

from sagan_tf.data import decoding, loading
from sagan_tf.errors import DataError
from tests.data.pictures import encode, number_of, numbered, photo


def examples(payloads, settings):
    decoder = loading.Decoder(lambda e: decoding.decode(e, settings()))
    for index, payload in enumerate(payloads):
        yield loading.Example(f"image {index}", index, loading.EncodedImage(decoder, payload))


def test_order_and_pixels(settings):
    payloads = [encode(numbered(i % 40), "PNG") for i in range(100)]
    loaded = list(loading.load_all(examples(payloads, settings)))
    assert [item.label for item in loaded] == list(range(100))
    assert [number_of(item.image) for item in loaded] == [i % 40 for i in range(100)]
    assert {(item.size, item.problem) for item in loaded} == {((16, 16), None)}


def test_damaged_images_do_not_spoil_their_neighbours(settings):
    payloads = [encode(numbered(i), "PNG") for i in range(40)]
    payloads[3], payloads[39] = b"", b"what is this?"
    loaded = list(loading.load_all(examples(payloads, settings)))
    assert [item.name for item in loaded if item.problem] == ["image 3", "image 39"]
    assert loaded[39].problem == f"not a {decoding.known_kinds()} image"
    good = [item for item in loaded if not item.problem]
    assert [number_of(item.image) for item in good] == [item.label for item in good]


def test_plain_functions_load_too():
    pixels = np.zeros((2, 2, 1), np.uint8)
    example = loading.Example("one", 5, lambda: (pixels, (2, 2)))
    (item,) = loading.load_all([example])
    assert item == loading.Loaded("one", 5, pixels, (2, 2), None)


def test_only_a_bounded_number_is_read_ahead():
    taken = []

    def endless():
        while True:
            taken.append(threading.get_ident())
            yield loading.Example("one", 0, lambda: (None, (1, 1)))

    images = loading.load_all(endless())
    next(images)
    assert len(taken) < 10_000
    images.close()


def test_errors_name_images_in_one_line(tmp_path):
    problems = [loading.Loaded(f"file {i}", 0, None, None, "torn") for i in range(7)]
    loading.raise_if_unreadable([])
    with pytest.raises(DataError, match="2 images cannot be read: file 0: torn; file 1: torn$"):
        loading.raise_if_unreadable(problems[:2])
    with pytest.raises(DataError, match="7 images .* file 4: torn; and 2 more; all are in .*list"):
        loading.raise_if_unreadable(problems, str(tmp_path / "list"))
    assert (tmp_path / "list").read_text().splitlines() == [f"file {i}: torn" for i in range(7)]
    with tf.io.gfile.GFile(str(tmp_path / "list")) as file:
        assert "file 6" in file.read()


DAMAGED = {
    "torn.jpg": encode(photo(200, 150), "JPEG")[:2000],
    "torn.png": encode(photo(200, 150), "PNG")[:2000],
    "torn.bmp": encode(photo(200, 150), "BMP")[:2000],
    "binary.png": b"\x89PNG" + bytes(range(256)),  # errors quote bytes that are not text
    "binary.jpg": b"\xff\xd8\xff" + bytes(range(256)),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_reasons_are_readable(name, settings):
    (item,) = loading.load_all(examples([DAMAGED[name]], settings))
    assert item.image is None and len(item.problem) > 10
    for noise in ("{{", "[[", "[Op", "Graph execution", "node", "\n"):
        assert noise not in item.problem
