"""Every command is one module, whether a script, `python -m` or an installed command starts it."""

import ast
import json
import pathlib
import subprocess
import sys

import pytest

from tests.commands.one_process import run_all

ROOT = pathlib.Path(__file__).parents[2]
SCRIPTS = {
    "client": "export/client.py",
    "evaluate": "train/evaluate.py",
    "experiment": "train/experiment.py",
    "export": "export/main.py",
    "prepare_data": "train/prepare_data.py",
    "sample": "train/sample.py",
    "train": "train/main.py",
}
# Prints the help of all commands: of the script, of the module, and of the entry point.
DRIVER = """
import contextlib, importlib, io, json, runpy, sys
from absl import flags
import sagan_tf.command_line
absl_flags = set(flags.FLAGS)

def help_of(start):
    for name in set(flags.FLAGS) - absl_flags:
        delattr(flags.FLAGS, name)
    flags.FLAGS.key_flags_by_module_dict().clear()
    for name in [name for name in sys.modules if name.startswith("sagan_tf.commands.")]:
        del sys.modules[name]
    sys.modules["__main__"].__doc__ = None
    sys.argv, out = ["COMMAND", "--help"], io.StringIO()
    with contextlib.redirect_stdout(out):
        try:
            start()
        except SystemExit as stop:
            return [stop.code, out.getvalue()]

for script, target in json.loads(sys.argv[1]):
    module, _, function = target.partition(":")
    starts = [
        lambda: runpy.run_path(script, run_name="__main__"),
        lambda: runpy.run_module(module, run_name="__main__", alter_sys=True),
        lambda: getattr(importlib.import_module(module), function)(),
    ]
    print(json.dumps([help_of(start) for start in starts]))
"""


def entry_points():
    """{name of a console script: "module:function"} in setup.py."""
    tree = ast.parse((ROOT / "setup.py").read_text())
    texts = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)]
    lines = [t for t in texts if isinstance(t, str) and t.startswith("sagan-") and " = " in t]
    return dict(line.split(" = ") for line in lines)


def test_each_command_has_an_entry_point():
    wanted = {f"sagan-{n.replace('_', '-')}": f"sagan_tf.commands.{n}:main" for n in SCRIPTS}
    assert entry_points() == wanted


def test_a_flag_of_earlier_versions_is_one_line_and_exit_code_2():
    flags = ("--remat", "--noremat", "--remat=true")
    lines = [(name, flag) for name in ("train", "prepare_data") for flag in flags]
    for code, out, error in run_all(lines):
        assert (code, out) == (2, "") and error.count("\n") == 1, error
        assert error.startswith("error: --remat is no longer a flag: ")
        assert "--accumulation_steps" in error


@pytest.fixture(scope="module")
def helps():
    """{command: (exit code, lines) of script, module and entry point}, all from one process."""
    targets = entry_points()
    starts = [(SCRIPTS[n], targets[f"sagan-{n.replace('_', '-')}"]) for n in SCRIPTS]
    command = [sys.executable, "-c", DRIVER, json.dumps(starts)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    return dict(zip(SCRIPTS, map(json.loads, done.stdout.splitlines())))


@pytest.mark.parametrize("name", SCRIPTS)
def test_help_is_the_same_however_a_command_is_started(name, helps):
    texts = []
    for code, text in helps[name]:
        assert code == 0
        # The documentation, "flags:", then a heading that says what was started.
        first, rest = text.split("\nflags:\n", 1)
        heading, flags = rest.strip().split("\n", 1)
        assert heading.endswith(":")
        texts.append((first, flags))
    assert texts[0] == texts[1] == texts[2]
    assert SCRIPTS[name] in texts[0][0] and "\n  --" in f"\n{texts[0][1]}"


def test_the_help_of_the_export_shows_the_kinds_of_device(helps):
    ((_, text), *_) = helps["export"]
    assert "--device: kind of the servers' devices, one of any, cpu, gpu, tpu" in text
