"""The `dataset` setting: bundled images, IDX directories."""

import hashlib
import importlib.resources

import numpy as np
import pytest

from sagan_tf import config as configs
from sagan_tf.data import sources
from sagan_tf.errors import ConfigError, DataError
from tests.data.conftest import write_idx

IMAGES = np.random.default_rng(0).integers(0, 256, (9, 28, 28)).astype(np.uint8)
# Of the original files; see sagan_tf/data/bundled/README.md.
SHA256 = {
    "t10k-images-idx3-ubyte.gz": "cc1d090a38ace84dfa1aa66e3ada7c336ef481a96936906477e6dd344da56eaa",
    "t10k-labels-idx1-ubyte.gz": "8d3605d196f4be44669e46906da9733c8131fef761fdbfec72c424d5222f1a05",
}


def test_the_bundle_is_the_original_and_small():
    bundle = importlib.resources.files("sagan_tf.data") / "bundled"
    contents = {item.name: item.read_bytes() for item in bundle.iterdir()}
    assert set(contents) == {*SHA256, "LICENSE", "README.md"}
    for name, digest in SHA256.items():
        assert hashlib.sha256(contents[name]).hexdigest() == digest
        assert digest in contents["README.md"].decode()
    assert sum(map(len, contents.values())) < 5_000_000


def test_bundled_images_are_padded_and_labelled():
    source = sources.open_source(configs.get("fashion_mnist_32"))
    assert source.images.shape == (10_000, 32, 32, 1) and source.images.dtype == np.uint8
    border = np.ones((32, 32), bool)
    border[2:30, 2:30] = False
    assert not source.images[:, border].any() and source.images.any()
    assert source.known_histogram() == dict.fromkeys(range(10), 1000)
    assert source.class_names[9] == "Ankle boot" and len(source.class_names) == 10
    # Trousers (1) are dark between the legs, pullovers (2) are not.
    means = [source.images[source.labels == k].mean(axis=0)[24:28, 16].mean() for k in (1, 2)]
    assert means[0] < 0.7 * means[1]


@pytest.mark.parametrize(("resolution", "channels"), [(16, 1), (64, 3)])
def test_bundled_images_in_other_sizes(resolution, channels, settings):
    source = sources.open_source(
        settings(dataset="bundled", resolution=resolution, channels=channels)
    )
    assert source.images.shape == (10_000, resolution, resolution, channels)


@pytest.mark.parametrize("compress", [False, True])
@pytest.mark.parametrize(("split", "prefix"), [("train", "train"), ("test", "t10k")])
def test_idx_directories(tmp_path, settings, compress, split, prefix):
    write_idx(tmp_path / "idx", IMAGES, prefix, compress)
    config = settings(dataset=f"idx:{tmp_path}/idx", split=split, resolution=32, channels=1)
    source = sources.open_source(config)
    np.testing.assert_array_equal(source.images[:, 2:30, 2:30, 0], IMAGES)
    assert source.labels.tolist() == [0, 1, 2] * 3
    assert source.class_names is None and source.has_labels


def test_idx_mistakes_name_the_file(tmp_path, settings):
    config = settings(dataset=f"idx:{tmp_path}/idx")
    with pytest.raises(DataError, match="there is no .*/idx/train-images-idx3-ubyte and no .*gz"):
        sources.open_source(config)
    write_idx(tmp_path / "idx", IMAGES)
    with pytest.raises(ConfigError, match="split='validation' is not allowed; split must be train"):
        sources.open_source(config.replace(split="validation"))
    labels = tmp_path / "idx" / "train-labels-idx1-ubyte"
    labels.write_bytes(labels.read_bytes()[:-1])
    with pytest.raises(DataError, match="train-labels-idx1-ubyte is not a whole IDX file"):
        sources.open_source(config)
    labels.write_bytes(b"\x1f\x8bnot gzip at all")
    with pytest.raises(DataError, match="train-labels-idx1-ubyte is not a whole IDX file"):
        sources.open_source(config)
    write_idx(tmp_path / "idx", IMAGES[:8], "t10k")
    (tmp_path / "idx" / "t10k-labels-idx1-ubyte").rename(labels)
    with pytest.raises(DataError, match="9 train images but 8 labels"):
        sources.open_source(config)


def test_no_images_at_all(tmp_path, settings):
    write_idx(tmp_path / "idx", IMAGES[:0])
    with pytest.raises(DataError, match="idx:.*/idx has no images"):
        sources.open_source(settings(dataset=f"idx:{tmp_path / 'idx'}"))
