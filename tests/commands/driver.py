"""One process for many command lines of a command: TensorFlow takes seconds to start."""

import contextlib
import importlib
import io
import json
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).parents[2]


class Command:
    """A command in a process of its own, which runs one command line after the other.

    Args:
        module: of the command.
        eager: whether `tf.function`s run eagerly, since short runs need no graph.
        **kwargs: for `subprocess.Popen`.
    """

    def __init__(self, module, eager=False, **kwargs):
        command = [sys.executable, "-m", __name__, module, *(["eager"] if eager else [])]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(
            command, stdin=pipe, stdout=pipe, text=True, cwd=ROOT, **kwargs
        )

    def run(self, flags):
        """Returns the exit code (0 or None for success), stdout and stderr of a command line."""
        print(json.dumps([str(flag) for flag in flags]), file=self._process.stdin, flush=True)
        line = self._process.stdout.readline()
        assert line, f"the process ended with exit code {self._process.wait()}"
        return tuple(json.loads(line))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.communicate()


def check_mistakes(module, mistakes):
    """Each command line of {flags: part of the message} ends with one line and exit code 2."""
    with Command(module) as command:
        found = [command.run(flags) for flags in mistakes]
    for (code, out, error), (flags, message) in zip(found, mistakes.items()):
        assert (code, out) == (2, ""), (flags, error)
        assert message in error, flags
        assert error.startswith("error: ") and error.count("\n") == 1, error


def capture(command, arguments):
    """Runs a command line here; returns the exit code, stdout and stderr, as JSON holds them.

    Args:
        command: module of the command.
        arguments: the flags, with the name of the program in front.
    """
    from sagan_tf import command_line

    sys.argv = list(arguments)
    out, error, code = io.StringIO(), io.StringIO(), None
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(error):
        try:
            command_line.run(command.run)
        except SystemExit as stop:
            code = stop.code
    return [code, out.getvalue(), error.getvalue()]


def main(module, *mode):
    """Runs the command lines from stdin, one JSON list each; prints a JSON list for each."""
    from absl import flags

    command = importlib.import_module(module)
    if mode:
        import tensorflow as tf

        tf.config.run_functions_eagerly(True)
    for line in sys.stdin:
        for name in list(flags.FLAGS):
            flags.FLAGS[name].unparse()
        print(json.dumps(capture(command, [module, *json.loads(line)])), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
