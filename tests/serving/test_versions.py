import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import tensorflow as tf

from sagan_tf import hashing
from sagan_tf.errors import ConfigError, ExportError
from sagan_tf.serving import versions

KILLS = int(os.environ.get("SAGAN_TF_KILLS", "2"))
FILES = {"variables/variables.index": "weights", "saved_model.pb": "graph", "a/b": "more"}


def _write(directory):
    for name, content in FILES.items():
        path = os.path.join(directory, name)
        tf.io.gfile.makedirs(os.path.dirname(path))
        pathlib.Path(path).write_text(content)


def _read(directory):
    return {
        name: tf.io.gfile.GFile(os.path.join(directory, name)).read()
        for name in FILES
        if tf.io.gfile.exists(os.path.join(directory, name))
    }


def test_versions_count_up_and_ignore_what_is_no_number(tmp_path):
    assert versions.choose(tmp_path / "new") == 1
    for name in ("3", "20", "incomplete-21-x", "21.tmp", "v22"):
        (tmp_path / name).mkdir()
    assert versions.existing(tmp_path) == [3, 20]
    assert versions.choose(tmp_path) == 21
    assert versions.choose(tmp_path, 4) == 4


def test_versions_are_the_directories_that_a_server_would_load(tmp_path):
    """TensorFlow Serving reads `00000002` as 2; a file and digits of other scripts are none."""
    for name in ("00000002", "\u0663", "\u00b2", "1e3"):
        (tmp_path / name).mkdir()
    (tmp_path / "7").write_text("a file")
    assert versions.existing(tmp_path) == [2]
    assert versions.choose(tmp_path) == 3
    for version in (2, 7):
        with pytest.raises(ExportError, match=f"version={version} exists"):
            versions.choose(tmp_path, version)
    (tmp_path / "3").write_text("in the way")
    assert versions.choose(tmp_path) == 4


def test_a_version_may_be_a_numpy_integer(tmp_path):
    version = versions.choose(tmp_path, np.int64(4))
    assert version == 4 and type(version) is int


def test_files_that_other_users_cannot_read_are_warned_of(tmp_path):
    before = os.umask(0o077)
    try:
        with (
            pytest.warns(UserWarning, match=r"other users cannot read .*chmod -R a\+rX .*/1`"),
            versions.publish(str(tmp_path / "exports"), 1) as directory,
        ):
            _write(directory)
    finally:
        os.umask(before)


@pytest.mark.parametrize("version", [0, -1, 1.5, "2", True])
def test_versions_that_are_no_positive_number_are_refused(tmp_path, version):
    with pytest.raises(ConfigError, match="version=.* a whole number above 0"):
        versions.choose(tmp_path, version)


def test_an_existing_version_is_never_touched(tmp_path):
    (tmp_path / "3").mkdir()
    with pytest.raises(ExportError, match=r"version=3 exists in .* never overwritten"):
        versions.choose(str(tmp_path), 3)
    with (
        pytest.raises(ExportError, match="version=3 exists"),
        versions.publish(str(tmp_path), 3) as directory,  # another export was faster
    ):
        _write(directory)
    assert os.listdir(tmp_path) == ["3"] and not os.listdir(tmp_path / "3")


@pytest.mark.parametrize("scheme", ["", "ram://"])
def test_a_version_appears_whole_when_the_block_ends(tmp_path, scheme):
    export_dir = f"{scheme}{tmp_path}/exports"
    with versions.publish(export_dir, 1) as directory:
        _write(directory)
        assert versions.existing(export_dir) == []
    assert versions.existing(export_dir) == [1]
    assert _read(os.path.join(export_dir, "1")) == FILES
    assert not os.path.exists(directory)
    if not scheme:
        assert os.stat(f"{export_dir}/1").st_mode & 0o777 == 0o755  # the server is another user


@pytest.mark.parametrize("scheme", ["", "ram://"])
def test_a_failed_export_leaves_nothing(tmp_path, scheme):
    export_dir = f"{scheme}{tmp_path}/exports"
    with pytest.raises(KeyboardInterrupt), versions.publish(export_dir, 1) as directory:
        _write(directory)
        raise KeyboardInterrupt
    assert tf.io.gfile.listdir(export_dir) == []
    assert not os.path.exists(directory)


@pytest.mark.parametrize("copied", range(len(FILES)))
def test_an_object_store_gets_the_graph_last(tmp_path, copied, monkeypatch):
    """Cut off after any number of files, the version has no `saved_model.pb`."""
    export_dir = f"ram://{tmp_path}/{copied}"
    copy, calls = tf.io.gfile.copy, []

    def cut_off(source, target, **arguments):
        if len(calls) == copied:
            raise KeyboardInterrupt
        calls.append(target)
        copy(source, target, **arguments)

    monkeypatch.setattr(tf.io.gfile, "copy", cut_off)
    with pytest.raises(KeyboardInterrupt), versions.publish(export_dir, 1) as directory:
        _write(directory)
    assert len(calls) == copied
    assert "saved_model.pb" not in _read(os.path.join(export_dir, "1"))


def test_a_directory_that_cannot_be_written_is_one_clear_line(tmp_path):
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(ExportError, match=r"export_dir=.*/file/x cannot be written: ") as caught,
        versions.publish(str(tmp_path / "file" / "x"), 1),
    ):
        pass
    assert "\n" not in str(caught.value)


def test_an_export_killed_at_any_point_leaves_no_servable_half(tmp_path):
    """SIGKILL at random moments of endless exports; SAGAN_TF_KILLS=30 for a longer trial."""
    chance = random.Random(0)
    for _ in range(KILLS):
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.serving.endless_exports", str(tmp_path)],
            cwd=pathlib.Path(__file__).parents[2],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        seconds = float(process.stdout.readline())  # what one export takes here and now
        time.sleep(chance.uniform(0.0, 1.5 * seconds))
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
    there = versions.existing(tmp_path)
    assert len(there) >= KILLS and versions.choose(tmp_path) == there[-1] + 1
    for version in there:
        path = tmp_path / str(version)
        hashes = json.loads((path / "assets.extra" / "sagan.json").read_text())["sha256"]
        assert "saved_model.pb" in hashes
        for name, digest in hashes.items():
            assert hashing.file_sha256(str(path / name)) == digest
        assert (path / "MODEL_CARD.md").exists()
    assert tf.saved_model.load(str(tmp_path / str(there[-1]))).signatures
