"""Rendezvous of the workers of a cluster, before TensorFlow connects them.

TensorFlow waits for absent workers without a limit and without a message, and no signal ends this
wait. So all workers first meet at the chief's address, in plain Python. The chief takes their
connections until every worker has come. Then it tells them all to go on.
"""

from __future__ import annotations

import contextlib
import select
import socket
import sys
import time

from sagan_tf.errors import UserError

_LIMIT_SECONDS = 600  # for all workers to come
_ANSWER_SECONDS = 5  # for a single answer over the network
_POLL_SECONDS = 1
_GREETING = "sagan_tf chief"
_GO, _MISSING = "go", "missing"


def meet(cluster, task_type, task_id, say=None):
    """Waits until all workers of a cluster have started.

    Args:
        cluster: {"chief" or "worker": list of addresses "HOST:PORT"}.
        task_type: that of this process, "chief" or "worker".
        task_id: its number among these, from 0.
        say: called with a line about the workers it waits for; None prints to stderr.

    Raises:
        UserError: a worker has not come within 10 minutes, or the chief's port is in use.
    """
    say = say or (lambda line: print(line, file=sys.stderr, flush=True))
    chief = ("chief" if "chief" in cluster else "worker", 0)
    addresses = {
        (kind, index): address
        for kind, part in cluster.items()
        for index, address in enumerate(part)
    }
    give_up = time.monotonic() + _LIMIT_SECONDS
    if (task_type, task_id) == chief:
        _gather(addresses, chief, give_up, say)
    else:
        _join(addresses[chief], f"{task_type} {task_id}", give_up, say)


def _gather(addresses, chief, give_up, say):
    """The chief's part: takes connections until there is one of every other worker."""
    names = {f"{kind} {index}": address for (kind, index), address in addresses.items()}
    del names[f"{chief[0]} {chief[1]}"]
    joined, said = {}, None
    try:
        with _listen(addresses[chief]) as server:
            while True:
                joined = {name: c for name, c in joined.items() if not _is_readable(c)}
                missing = _list(names, joined)
                if not missing:
                    break
                if missing != said:
                    say(f"waiting for {missing}, at most {_LIMIT_SECONDS} s")
                    said = missing
                if time.monotonic() > give_up:
                    _send(joined, f"{_MISSING} {missing}")
                    raise _absent(missing)
                name, connection = _accept(server)
                if name in names:
                    joined[name] = connection
                elif connection is not None:
                    connection.close()
        _send(joined, _GO)
    finally:
        for connection in joined.values():
            connection.close()


def _join(chief_address, name, give_up, say):
    """Another worker's part: connects to the chief and waits for its word."""
    say(f"waiting for the chief at {chief_address}, at most {_LIMIT_SECONDS} s")
    host, _, port = chief_address.rpartition(":")
    while time.monotonic() <= give_up:
        try:
            with socket.create_connection((host.strip("[]"), int(port)), _ANSWER_SECONDS) as chief:
                if _read_line(chief) == _GREETING:
                    chief.sendall(f"{name}\n".encode())
                    word, _, missing = _wait_for_line(chief, give_up).partition(" ")
                    if word == _GO:
                        return
                    if word == _MISSING:
                        raise _absent(missing)
        except OSError:
            pass  # the chief has not started, or has stopped and may start again
        time.sleep(_POLL_SECONDS)
    raise _absent(f"the chief at {chief_address}")


def _listen(address):
    port = int(address.rpartition(":")[2])
    try:
        if socket.has_dualstack_ipv6():
            return socket.create_server(("", port), family=socket.AF_INET6, dualstack_ipv6=True)
        return socket.create_server(("", port))
    except OSError as error:
        raise UserError(
            f"strategy=multi_worker: port {port} of this worker cannot be used: {error}"
        ) from error


def _accept(server):
    """Returns the name and the connection of a worker, or a pair of None if none has come."""
    if not select.select([server], [], [], _POLL_SECONDS)[0]:
        return None, None
    connection, _ = server.accept()
    try:
        connection.settimeout(_ANSWER_SECONDS)
        connection.sendall(f"{_GREETING}\n".encode())
        return _read_line(connection), connection
    except OSError:  # no worker of ours
        connection.close()
        return None, None


def _wait_for_line(connection, give_up):
    while not _is_readable(connection, _POLL_SECONDS):
        if time.monotonic() > give_up + 2 * _ANSWER_SECONDS:
            return ""
    return _read_line(connection)


def _is_readable(connection, seconds=0):
    """Whether there is something to read; a worker that waits sends nothing, unless it has gone."""
    return bool(select.select([connection], [], [], seconds)[0])


def _read_line(connection):
    """Reads a line of text; what is not one of ours reads as an empty line."""
    text = b""
    while not text.endswith(b"\n"):
        byte = connection.recv(1)
        if not byte or len(text) > 10_000:
            return ""
        text += byte
    return text.decode("utf-8", "replace").rstrip("\n")


def _send(connections, line):
    for connection in connections.values():
        # A worker that has just stopped is reported by TensorFlow, which connects next.
        with contextlib.suppress(OSError):
            connection.sendall(f"{line}\n".encode())


def _list(names, joined):
    return ", ".join(f"{name} at {names[name]}" for name in names if name not in joined)


def _absent(missing):
    return UserError(
        f"strategy=multi_worker: {missing} did not start within {_LIMIT_SECONDS} s; start all "
        "workers of TF_CONFIG, or train alone with strategy=default"
    )
