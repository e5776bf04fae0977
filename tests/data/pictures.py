"""Real image files of every kind, made by Pillow, and a small TFDS data set of them."""

import io

import numpy as np
import tensorflow_datasets as tfds
from PIL import Image

COUNT, CLASSES = 37, 3  # of numbered pictures


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


def numbered(index, size=16):
    """A gray picture that tells its number: darker on the left, so that mirroring shows."""
    pixels = np.full((size, size), 6 * index, np.uint8)
    pixels[:, size // 2 :] += 4
    return Image.fromarray(pixels)


def number_of(image):
    """The number of a `numbered` picture (h, w, c), mirrored or not."""
    return int(np.asarray(image).min()) // 6


class TinyPictures(tfds.core.GeneratorBasedBuilder):
    """`numbered` pictures as a TFDS data set, all examples in one split."""

    VERSION = tfds.core.Version("1.0.0")

    def _info(self):
        image = tfds.features.Image(shape=(16, 16, 1))
        label = tfds.features.ClassLabel(names=["red", "green", "blue"])
        features = {"image": image, "label": label, "id": np.int64}
        return self.dataset_info_from_configs(features=tfds.features.FeaturesDict(features))

    def _split_generators(self, dl_manager):
        return {"train": self._generate_examples()}

    def _generate_examples(self):
        for index in range(COUNT):
            image = np.asarray(numbered(index))[..., None]
            yield index, {"image": image, "label": index % CLASSES, "id": index}
