"""Which directories a new run may use."""

import os

import pytest

from sagan_tf.errors import RunDirectoryError
from sagan_tf.runs import run_directory

# Files that no run writes: of the user, of a desktop, of a disk, of a job's log.
OWN = ("thesis.tex", ".DS_Store", "Thumbs.db", "train.log", "slurm-17.out")


def test_files_of_the_user_stay_beside_a_run(tiny_config, tmp_path):
    for name in OWN:
        (tmp_path / name).write_text(name)
    (tmp_path / "lost+found").mkdir()
    (tmp_path / "samples").mkdir()  # left by a start on a full disk
    run_directory.start(tmp_path, tiny_config)
    run_directory.start(tmp_path, tiny_config)
    assert {name: (tmp_path / name).read_text() for name in OWN} == {n: n for n in OWN}
    assert (tmp_path / "config.json").exists()


LEFT_OVER = (
    "metrics.jsonl",
    "evaluation.jsonl",
    "class_names.json",
    "checkpoints/step-4.index",
    "best/best.json",
    "samples/step_00000100.png",
)


@pytest.mark.parametrize("name", LEFT_OVER)
def test_a_run_whose_configuration_is_lost_is_not_written_over(name, tiny_config, tmp_path):
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("of a run")
    first = name.split("/")[0]
    with pytest.raises(RunDirectoryError, match=f"holds {first} of a run, but no config.json"):
        run_directory.start(tmp_path, tiny_config)
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == [path]


@pytest.mark.parametrize("inside", ["photos", "photos/run", "photos/cats/run", "link/run"])
def test_a_run_in_the_folder_of_its_images_is_refused(inside, tiny_config, tmp_path, monkeypatch):
    """Its samples would be images, and classes, of the next run."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos" / "cats").mkdir(parents=True)
    os.symlink("photos", "link")
    config = tiny_config.replace(dataset="folder:./photos")
    with pytest.raises(RunDirectoryError, match="in the folder of the images, .*photos; its samp"):
        run_directory.start(inside, config)
    assert not (tmp_path / "photos" / "config.json").exists()
    run_directory.start("photos of cats", config)
