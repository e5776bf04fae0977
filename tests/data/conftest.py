"""Small configurations and folders of images."""

import pytest
from pictures import encode
from PIL import Image

from sagan_tf import config


@pytest.fixture
def settings():
    """A small configuration; call it with changes."""

    def make(**changes):
        base = config.get("fashion_mnist_32").replace(
            resolution=16, channels=3, num_classes=2, attention_resolution=8, global_batch_size=4
        )
        return base.replace(**changes)

    return make


@pytest.fixture
def write_folder(tmp_path):
    """Writes {relative path: bytes or Pillow image} below a new folder; returns its path."""

    def write(files, name="images"):
        for path, contents in files.items():
            target = tmp_path / name / path
            target.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(contents, Image.Image):
                contents = encode(contents, "PNG")
            target.write_bytes(contents)
        return str(tmp_path / name)

    return write
