"""Paths in flags: characters of patterns, and `~`."""

import pytest

import sagan_tf
from sagan_tf.errors import ConfigError, RunDirectoryError
from tests.commands.one_process import run_all

PATTERNS = [
    ("train", "--run_dir=runs/[16] photos"),
    ("train", "--run_dir=v*", "--check_data"),
    ("evaluate", "--run_dir=v[1]"),
    ("evaluate", "--run_dir=v?", "--checkpoint=best"),
    ("evaluate", "--export_dir=exports/[v1]"),
    ("sample", "--run_dir=v[1]", "--out=pictures"),
    ("sample", "--export_dir=v\\1", "--out=pictures"),
    ("export", "--run_dir=v[1]", "--export_dir=exports"),
    ("export", "--run_dir=v[1]", "--checkpoint=best", "--export_dir=exports"),
    ("export", "--pretrained=fashion_mnist_32", "--export_dir=exports/[v1]"),
    ("client", "--local=exports/[v1]", "--labels=0"),
    ("experiment", "--suite=stabilization", "--out=[suite]"),
]
HOME = [
    (("train", "--run_dir=~/run", "--dataset=folder:~/photos"), "/photos"),
    (("train", "--run_dir=~/run", "--dataset=tfrecord:~/photos"), "/photos"),
    (("train", "--run_dir=~/run", "--dataset=idx:~/photos"), "/photos"),
    (("prepare_data", "--dataset=folder:~/photos", "--out=~/out"), "/photos"),
    (("evaluate", "--run_dir=~/none"), "/none"),
    (("evaluate", "--export_dir=~/none"), "/none"),
    (("evaluate", "--images=~/none,~/more"), "/none"),
    (("sample", "--run_dir=~/none", "--out=~/out"), "/none"),
    (("export", "--run_dir=~/none", "--export_dir=~/out"), "/none"),
    (("client", "--local=~/none", "--labels=0"), "/none"),
]


def test_paths_that_tensorflow_reads_as_patterns_are_refused_before_any_work(tmp_path):
    for line, (code, out, error) in zip(PATTERNS, run_all(PATTERNS, tmp_path)):
        assert (code, out) == (2, ""), (line, error)
        assert "must be a path without * ? [ ] and backslash" in error, (line, error)
        assert error.startswith("error: ") and error.count("\n") == 1, (line, error)
    assert list(tmp_path.iterdir()) == []


def test_a_tilde_is_the_home_directory_in_every_flag(tmp_path):
    home, here = tmp_path / "home", tmp_path / "here"
    home.mkdir()
    here.mkdir()
    lines = [line for line, _ in HOME]
    for (line, path), (code, _, error) in zip(HOME, run_all(lines, here, HOME=str(home))):
        assert code == 2, (line, error)
        assert f"{home}{path}" in error and "~" not in error, (line, error)
    assert list(here.iterdir()) == []


def test_a_tilde_is_the_home_directory_in_scripts(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(RunDirectoryError, match=f"run_dir={tmp_path}/run is not a run"):
        sagan_tf.load("~/run")
    with pytest.raises(RunDirectoryError, match=f"run_dir={tmp_path}/run is not a run"):
        sagan_tf.export("~/run", "~/exports")
    with pytest.raises(ConfigError, match=r"export_dir=.*/\[v1\]' is not allowed"):
        sagan_tf.export("~/run", "~/[v1]")
