"""Outputs that cannot be written are refused before any work, in one line."""

import pytest

from sagan_tf import files
from sagan_tf.errors import ConfigError
from tests.commands.one_process import run_all

PRETRAINED = "--pretrained=fashion_mnist_32"
# FILE is a file, NEW does not exist, and nothing can be made in /proc.
OUTPUTS = {
    ("evaluate", "--run_dir=RUN", "--num_samples=9", "--cache_dir=/proc/nowhere"): (
        "cache_dir='/proc/nowhere'"
    ),
    ("evaluate", "--run_dir=RUN", "--num_samples=9", "--cache_dir=FILE"): "FILE is a file",
    ("sample", PRETRAINED, "--out=/proc/nowhere"): "out='/proc/nowhere'",
    ("sample", PRETRAINED, "--out=FILE"): "FILE is a file",
    ("sample", PRETRAINED, "--out=FILE/pictures"): "FILE is a file",
    ("export", PRETRAINED, "--export_dir=/proc/nowhere"): "export_dir='/proc/nowhere'",
    ("export", PRETRAINED, "--export_dir=FILE/exports"): "FILE is a file",
    ("client", "--grpc=localhost:1", "--out=/proc/nowhere/grid.png"): "/proc/nowhere/grid.png",
    ("client", "--grpc=localhost:1", "--out=FILE/grid.png"): "FILE is a file",
    ("client", "--grpc=localhost:1", "--out=DIRECTORY"): "a file; it is a directory",
    ("experiment", "--suite=stabilization", "--out=/proc/nowhere"): "out='/proc/nowhere'",
    ("experiment", "--suite=stabilization", "--out=FILE"): "FILE is a file",
    ("experiment", "--suite=stabilization", "--out=NEW"): "SAGAN_TF_CACHE='/proc/nowhere'",
    ("train", "--check_data", "--run_dir=/proc/nowhere"): "run_dir='/proc/nowhere'",
    ("train", "--check_data", "--run_dir=FILE"): "FILE is a file",
    ("train", "--run_dir=/proc/nowhere"): "run_dir=/proc/nowhere cannot be written",
    ("train", "--run_dir=FILE"): "FILE is a file",
}


def test_outputs_are_tried_before_the_work(tmp_path, small_run):
    (tmp_path / "file").write_text("precious")
    places = {"FILE": tmp_path / "file", "NEW": tmp_path / "new", "DIRECTORY": tmp_path}

    def fill(text):
        for name, path in {**places, "RUN": small_run}.items():
            text = text.replace(name, str(path))
        return text

    lines = [(command, *map(fill, flags)) for command, *flags in OUTPUTS]
    results = run_all(lines, tmp_path, SAGAN_TF_CACHE="/proc/nowhere")
    for line, (code, out, error), message in zip(lines, results, OUTPUTS.values()):
        assert (code, out) == (2, ""), (line, error)
        assert fill(message) in error, (line, error)
        assert error.startswith("error: ") and error.count("\n") == 1, (line, error)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_text() == "precious"


def test_a_directory_that_can_be_written_stays_as_it_is(tmp_path):
    files.check_writable("out", tmp_path)
    files.check_writable("out", tmp_path / "new" / "newer")
    files.check_file_writable("out", tmp_path / "new" / "grid.png")
    assert list(tmp_path.iterdir()) == []


def test_a_link_to_nowhere_is_refused(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "gone")
    with pytest.raises(ConfigError, match="out=.* must be a directory that can be written"):
        files.check_writable("out", tmp_path / "link")
