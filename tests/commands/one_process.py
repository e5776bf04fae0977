"""Runs many command lines in one process: TensorFlow takes seconds to start."""

import json
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).parents[2]
_DRIVER = """
import contextlib, importlib, io, json, sys
from absl import flags
from sagan_tf import command_line

absl_flags = set(flags.FLAGS)
for name, arguments in json.loads(sys.argv[1]):
    for flag in set(flags.FLAGS) - absl_flags:
        delattr(flags.FLAGS, flag)
    for module in [module for module in sys.modules if module.startswith("sagan_tf.commands.")]:
        del sys.modules[module]
    flags.FLAGS.unparse_flags()
    command = importlib.import_module(f"sagan_tf.commands.{name}")
    sys.argv = [name, *arguments]
    out, error, code = io.StringIO(), io.StringIO(), None
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(error):
        try:
            command_line.run(command.run)
        except SystemExit as stop:
            code = stop.code
    print(json.dumps([code, out.getvalue(), error.getvalue()]))
"""


def run_all(lines, cwd=ROOT, **environment):
    """Runs (command, flag, flag, ...) for each line.

    Returns:
        A list of (exit code, stdout, stderr).
    """
    cases = [(name, list(map(str, flags))) for name, *flags in lines]
    done = subprocess.run(
        [sys.executable, "-c", _DRIVER, json.dumps(cases)],
        capture_output=True,
        text=True,
        cwd=cwd,
        env={"PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3", **environment},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    results = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(results) == len(cases), done.stderr
    return results
