"""Runs the lines of many commands in one process: TensorFlow takes seconds to start."""

import importlib
import json
import subprocess
import sys

from tests.commands.driver import ROOT, capture


def run_all(lines, cwd=ROOT, **environment):
    """Runs (command, flag, flag, ...) for each line.

    Returns:
        A list of (exit code, stdout, stderr).
    """
    cases = [(name, list(map(str, flags))) for name, *flags in lines]
    done = subprocess.run(
        [sys.executable, "-m", __name__, json.dumps(cases)],
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


def main(cases):
    """Runs each command in a module of its own, since flags belong to the process."""
    from absl import flags

    import sagan_tf.command_line  # noqa: F401 - its flags stay, as those of absl do

    lasting_flags = set(flags.FLAGS)
    for name, arguments in cases:
        for flag in set(flags.FLAGS) - lasting_flags:
            delattr(flags.FLAGS, flag)
        for module in [m for m in sys.modules if m.startswith("sagan_tf.commands.")]:
            del sys.modules[module]
        flags.FLAGS.unparse_flags()
        command = importlib.import_module(f"sagan_tf.commands.{name}")
        print(json.dumps(capture(command, [name, *arguments])))


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
