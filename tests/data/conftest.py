"""Small configurations, folders of images, and one data set as every kind of source."""

import gzip

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds
from PIL import Image

from sagan_tf import config
from sagan_tf.data import preparation, sources
from tests.data.pictures import CLASSES, COUNT, TinyPictures, encode, numbered

KINDS = ("idx", "folder", "prepared")


@pytest.fixture(scope="session")
def settings():
    """A small configuration; call it with changes."""

    def make(**changes):
        base = config.get("fashion_mnist_32").replace(
            resolution=16, channels=3, num_classes=3, attention_resolution=8, global_batch_size=4
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


@pytest.fixture(scope="session")
def datasets(tmp_path_factory, settings):
    """{kind: `dataset` setting} of the 37 numbered pictures, label = number % 3."""
    root = tmp_path_factory.mktemp("datasets")
    write_idx(root / "idx", np.stack([np.asarray(numbered(i, 32)) for i in range(COUNT)]))
    for index in range(COUNT):
        path = root / "folder" / "abc"[index % CLASSES] / f"{index:02d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encode(numbered(index), "PNG"))
    folder = settings(dataset=f"folder:{root / 'folder'}", channels=1)
    preparation.prepare(sources.open_source(folder), folder, str(root / "prepared"), 6)
    write_slim_records(root / "slim")
    builder = TinyPictures(data_dir=str(root / "tfds"))
    builder.download_and_prepare(download_config=tfds.download.DownloadConfig(num_shards=5))
    return {
        "root": root,
        "idx": f"idx:{root / 'idx'}",
        "folder": f"folder:{root / 'folder'}",
        "prepared": f"tfrecord:{root / 'prepared'}",
        "tfrecord": f"tfrecord:{root / 'slim'}/part-*",
        "tfds": "tfds:tiny_pictures",
    }


@pytest.fixture(params=KINDS)
def opened(request, datasets, settings):
    """Opens the pictures as each kind of source: call it with settings; (source, config)."""

    def make(**changes):
        changes = {"channels": 1, "dataset": datasets[request.param], **changes}
        wanted = settings(**changes)
        return sources.open_source(wanted, str(datasets["root"] / "tfds")), wanted

    make.kind = request.param
    return make


def write_idx(directory, images, prefix="train", compress=False):
    """Writes images uint8 (n, h, w), label = index % 3, as IDX files."""
    directory.mkdir(exist_ok=True)
    labels = (np.arange(len(images)) % CLASSES).astype(np.uint8)
    for name, array in (("images-idx3", images), ("labels-idx1", labels)):
        header = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes()
        contents = header + array.tobytes()
        path = directory / f"{prefix}-{name}-ubyte{'.gz' if compress else ''}"
        path.write_bytes(gzip.compress(contents) if compress else contents)


def write_slim_records(directory, files=2):
    """Writes encoded images under TF-Slim's feature names."""
    directory.mkdir()
    for part in range(files):
        with tf.io.TFRecordWriter(str(directory / f"part-{part}")) as writer:
            for index in range(part, COUNT, files):
                image = tf.train.BytesList(value=[encode(numbered(index), "PNG")])
                label = tf.train.Int64List(value=[index % CLASSES])
                features = {
                    "image/encoded": tf.train.Feature(bytes_list=image),
                    "image/class/label": tf.train.Feature(int64_list=label),
                }
                example = tf.train.Example(features=tf.train.Features(feature=features))
                writer.write(example.SerializeToString())
