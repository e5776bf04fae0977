"""The lock of a run directory: living, dead and renumbered processes, other machines, buckets."""

import json
import os
import pathlib
import subprocess
import sys
import threading

import pytest
import tensorflow as tf

from sagan_tf.errors import RunDirectoryError
from sagan_tf.runs import lock, run_directory


@pytest.fixture(autouse=True)
def short_heartbeats(monkeypatch):
    monkeypatch.setattr(lock, "_HEARTBEAT_SECONDS", 0.2)


@pytest.fixture(params=["", "ram://"])
def run_dir(tmp_path, request):
    return f"{request.param}{tmp_path}/run"


def names(path):
    return set(tf.io.gfile.listdir(path))


def test_a_second_process_is_refused_until_the_first_ends(run_dir):
    with lock.hold(run_dir):
        owner = json.loads(tf.io.gfile.GFile(f"{run_dir}/lock.json").read())
        where = f"in use by process {os.getpid()} on {owner['host']}"
        with pytest.raises(RunDirectoryError, match=where), lock.hold(run_dir):
            pass
        assert names(run_dir) == {"lock.json"}
    with lock.hold(run_dir):
        assert names(run_dir) == {"lock.json"}
    assert names(run_dir) == set()


def test_an_error_inside_releases_it(run_dir):
    with pytest.raises(KeyboardInterrupt), lock.hold(run_dir):
        raise KeyboardInterrupt
    assert names(run_dir) == set()


def test_of_two_that_start_together_one_gets_it(run_dir):
    held, refused, both = [], [], threading.Barrier(2)

    def start():
        both.wait()
        try:
            with lock.hold(run_dir):
                held.append(1)
                both.wait()
        except RunDirectoryError:
            refused.append(1)
            both.wait()

    threads = [threading.Thread(target=start) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(held), len(refused)) == (1, 1)


def write(tmp_path, **changes):
    """A lock of this process, but for some changes; its path."""
    path = tmp_path / "lock.json"
    path.write_text(json.dumps({**lock._this_process(), "id": "x", "heartbeat": 0, **changes}))
    return path


def dead_process():
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


@pytest.mark.parametrize(
    "changes",
    [
        lambda: {"process": dead_process()},
        lambda: {"process_started": "1"},  # another process had this number
        lambda: {"namespace": "pid:[1]"},  # another container, whose heart has stopped
        lambda: {"host": "elsewhere"},
        lambda: {"boot": "before the restart"},
    ],
)
def test_a_dead_process_locks_nobody_out(tmp_path, changes):
    write(tmp_path, **changes())
    with lock.hold(str(tmp_path)):
        assert json.loads((tmp_path / "lock.json").read_text())["process"] == os.getpid()


def test_a_lock_that_is_cut_off_locks_nobody_out(tmp_path):
    (tmp_path / "lock.json").write_text('{"host": ')
    with lock.hold(str(tmp_path)):
        pass


def test_a_living_process_elsewhere_is_seen_by_its_heartbeat(tmp_path, capsys):
    path = write(tmp_path, host="elsewhere", process=7)
    stop = threading.Event()

    def beat():
        number = 0
        while not stop.wait(0.1):
            number += 1
            replacement = pathlib.Path(f"{path}.new")
            replacement.write_text(json.dumps({"host": "elsewhere", "process": 7, "beat": number}))
            os.replace(replacement, path)

    heart = threading.Thread(target=beat)
    heart.start()
    try:
        with (
            pytest.raises(RunDirectoryError, match="in use by process 7 on elsewhere"),
            lock.hold(str(tmp_path)),
        ):
            pass
    finally:
        stop.set()
        heart.join()
    assert "process 7 on elsewhere: waiting" in capsys.readouterr().err


def test_the_heart_beats_until_another_takes_the_lock(tmp_path):
    path = tmp_path / "lock.json"
    with lock.hold(str(tmp_path)):
        first, changed = path.read_text(), threading.Event()
        for _ in range(100):
            if path.read_text() != first:
                changed.set()
                break
            changed.wait(0.1)
        assert changed.is_set()
        path.write_text(json.dumps({"id": "another"}))
    assert json.loads(path.read_text()) == {"id": "another"}  # not ours to remove


def test_a_process_that_lost_its_lock_is_told(tmp_path):
    """As one is that was suspended for longer than its heart may stand still."""
    with lock.hold(str(tmp_path)) as check:
        check()
        (tmp_path / "lock.json").write_text(json.dumps({"id": "another", "process": 7}))
        with pytest.raises(RunDirectoryError, match="in use by process 7"):
            check()


def test_a_file_in_the_way_is_named(tmp_path):
    (tmp_path / "run").write_text("")
    with (
        pytest.raises(RunDirectoryError, match="is a file; it must be a directory"),
        lock.hold(str(tmp_path / "run")),
    ):
        pass
    with (
        pytest.raises(RunDirectoryError, match="run_dir=.* cannot be written: "),
        lock.hold(str(tmp_path / "run" / "deeper")),
    ):
        pass


def test_a_run_starts_in_a_directory_that_is_locked(tmp_path, tiny_config):
    with lock.hold(str(tmp_path / "run")):
        run = run_directory.start(str(tmp_path / "run"), tiny_config)
    assert names(run.path) == {"config.json", "samples"}
