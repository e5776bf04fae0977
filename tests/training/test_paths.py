"""Paths that TensorFlow would read as patterns, and the listing of checkpoints."""

import pytest

from sagan_tf.config import ExperimentConfig
from sagan_tf.data import tfrecords
from sagan_tf.errors import ConfigError
from sagan_tf.runs import checkpoints, run_directory
from sagan_tf.serving import versions


@pytest.mark.parametrize("name", ["v[1]", "v*", "v?", "v\\1", "a]"])
def test_a_pattern_is_refused_before_anything_is_written(tmp_path, name):
    path = str(tmp_path / name)
    with pytest.raises(ConfigError, match="run_dir=.*must be a path without"):
        run_directory.start(path, ExperimentConfig())
    with pytest.raises(ConfigError, match="run_dir=.*must be a path without"):
        run_directory.load(path)
    with pytest.raises(ConfigError, match="export_dir=.*must be a path without"):
        versions.choose(path)
    assert not list(tmp_path.iterdir())


def test_checkpoints_are_the_whole_ones_in_the_directory_itself(tmp_path):
    for name in ("step-4.index", "step-4.data-00000-of-00001", "step-6.index", "other-8.index"):
        (tmp_path / name).touch()
    (tmp_path / "checkpoint").write_text(
        'model_checkpoint_path: "/elsewhere/step-9"\n'
        'all_model_checkpoint_paths: "/elsewhere/step-9"\n'
    )
    assert checkpoints.saved_steps(str(tmp_path)) == [4]
    assert checkpoints.saved_steps(str(tmp_path / "missing")) == []


def test_existing_records_are_taken_literally(tmp_path):
    directory = tmp_path / "data [16]"
    directory.mkdir()
    path = directory / "a.tfrecord"
    path.touch()
    assert tfrecords._find(str(directory)) == tfrecords._find(str(path)) == [str(path)]
