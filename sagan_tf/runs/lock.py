"""The lock of a run directory: only one process at a time trains there.

The file `lock.json` names the process, and its heartbeat changes every few seconds. A lock of this
machine holds while its process lives: the start time tells apart two processes that had the same
number. A lock of another machine or container holds while its heartbeat changes. So a killed
process locks nobody out. Clocks of machines are not compared.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import sys
import threading
import time
import uuid

import tensorflow as tf

from sagan_tf import files
from sagan_tf.errors import RunDirectoryError, first_line

FILE_NAME = "lock.json"
_HEARTBEAT_SECONDS = 10
_MISSED = 3  # heartbeats after which a process counts as dead
_SETTLING_SECONDS = 0.3  # in which two processes that start together see each other's lock


@contextlib.contextmanager
def hold(path):
    """Holds the lock of a run directory, which is created where it is missing.

    Args:
        path: the directory; any path that `tf.io.gfile` knows.

    Yields:
        A function that raises RunDirectoryError once another process has the lock. A process that
        was suspended for minutes loses it to one of another machine.

    Raises:
        RunDirectoryError: another process uses the directory, or it cannot be written.
    """
    check_directory(path)
    lock = os.path.join(path, FILE_NAME)
    owner = {**_this_process(), "id": uuid.uuid4().hex}
    try:
        tf.io.gfile.makedirs(path)
        _wait_for_a_dead_owner(path, lock)
        _beat(lock, owner)
        time.sleep(_SETTLING_SECONDS)
    except (tf.errors.OpError, OSError) as error:
        reason = first_line(error)
        raise RunDirectoryError(f"run_dir={path} cannot be written: {reason}") from error
    if not _is_ours(lock, owner):
        raise _in_use(path, _read(lock))

    def check():
        text = _read(lock)
        if text is not None and _parse(text).get("id") != owner["id"]:
            raise _in_use(path, text)

    stop = threading.Event()
    heart = threading.Thread(target=_keep_beating, args=(lock, owner, stop), daemon=True)
    heart.start()
    try:
        yield check
    finally:
        stop.set()
        heart.join()
        if _is_ours(lock, owner):
            tf.io.gfile.remove(lock)


def check_directory(path):
    """Raises RunDirectoryError if `path` is a file."""
    if tf.io.gfile.exists(path) and not tf.io.gfile.isdir(path):
        raise RunDirectoryError(f"run_dir={path} is a file; it must be a directory")


def _wait_for_a_dead_owner(path, lock):
    """Returns when no living process holds the lock.

    Raises:
        RunDirectoryError: one does.
    """
    text = _read(lock)
    if text is None:
        return
    owner = _parse(text)
    here = _this_process()
    if all(owner.get(name) == here[name] for name in ("host", "boot", "namespace")):
        if _start_time(owner["process"]) == owner["process_started"]:
            raise _in_use(path, text)
        return
    seconds = _MISSED * _HEARTBEAT_SECONDS
    print(f"{_described(path, text)}: waiting {seconds} s for its heartbeat", file=sys.stderr)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(_HEARTBEAT_SECONDS / 10)
        if _read(lock) not in (text, None):
            raise _in_use(path, text)


def _this_process():
    """Returns the identity of this process: a dict of JSON values."""
    return {
        "host": platform.node(),
        "boot": _content("/proc/sys/kernel/random/boot_id"),
        "namespace": _link("/proc/self/ns/pid"),  # each container numbers its own processes
        "process": os.getpid(),
        "process_started": _start_time(os.getpid()),
    }


def _start_time(process):
    """Returns when a process started, in ticks since boot; "unknown" without `/proc`.

    Returns:
        A text, or None if there is no such process.
    """
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return None
    except PermissionError:
        pass  # it exists, and belongs to another user
    stat = _content(f"/proc/{process}/stat")
    # The name of the program, in brackets, may hold blanks; field 22 counts from the number.
    return stat.rpartition(")")[2].split()[19] if stat else "unknown"


def _content(path):
    try:
        with open(path, encoding="utf-8") as file:
            return file.read().strip()
    except OSError:
        return None


def _link(path):
    try:
        return os.readlink(path)
    except OSError:
        return None


def _beat(lock, owner):
    files.write_whole(lock, json.dumps({**owner, "heartbeat": time.time()}, indent=2) + "\n")


def _keep_beating(lock, owner, stop):
    while not stop.wait(_HEARTBEAT_SECONDS):
        # A failure to write, such as a full disk, is reported where the run writes its files.
        with contextlib.suppress(tf.errors.OpError, OSError):
            if not _is_ours(lock, owner):
                return
            _beat(lock, owner)


def _is_ours(lock, owner):
    text = _read(lock)
    return text is not None and _parse(text).get("id") == owner["id"]


def _read(lock):
    """Returns the text of a lock file, or None if there is none."""
    try:
        return files.read_text(lock)
    except tf.errors.NotFoundError:
        return None


def _parse(text):
    """Returns the owner of a lock; an empty dict for a text that another program wrote."""
    try:
        owner = json.loads(text)
    except json.JSONDecodeError:
        return {}
    return owner if isinstance(owner, dict) else {}


def _described(path, text):
    owner = _parse(text or "")
    process, host = owner.get("process", "unknown"), owner.get("host", "an unknown machine")
    return f"run_dir={path} is in use by process {process} on {host}"


def _in_use(path, text):
    return RunDirectoryError(
        f"{_described(path, text)}; wait for its end, or choose another directory"
    )
