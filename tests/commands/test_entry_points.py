"""Every command is one module, whether a script, `python -m` or an installed command starts it."""

import ast
import importlib.util
import json
import pathlib
import subprocess
import sys

import pytest

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
# Prints the help of all commands, as a script, as a module and as an installed command.
DRIVER = """
import contextlib, io, json, pathlib, runpy, sys
from absl import flags
first = set(flags.FLAGS)

def help_of(start):
    for name in set(flags.FLAGS) - first:
        delattr(flags.FLAGS, name)
    flags.FLAGS.key_flags_by_module_dict().clear()
    for name in [n for n in sys.modules if n.startswith("sagan_tf.commands")]:
        del sys.modules[name]
    for name in ("sagan_tf.command_line",):
        sys.modules[name].__dict__
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        try:
            start()
        except SystemExit as stop:
            return [stop.code, out.getvalue()]

import sagan_tf.command_line
main = sys.modules["__main__"]
for name, script in json.loads(sys.argv[1]).items():
    found = []
    def installed():
        importlib = __import__("importlib")
        importlib.import_module(f"sagan_tf.commands.{name}").main()
    starts = [
        lambda: runpy.run_path(script, run_name="__main__"),
        lambda: runpy.run_module(f"sagan_tf.commands.{name}", run_name="__main__", alter_sys=True),
        installed,
    ]
    for start in starts:
        sys.argv = ["COMMAND", "--help"]
        found.append(help_of(start))
    print(json.dumps(found))
"""


def entry_points():
    """{name of a console script: "module:function"} in setup.py."""
    tree = ast.parse((ROOT / "setup.py").read_text())
    texts = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)]
    lines = [t for t in texts if isinstance(t, str) and t.startswith("sagan-") and " = " in t]
    return dict(line.split(" = ") for line in lines)


def test_each_command_has_an_entry_point_that_exists():
    wanted = {f"sagan-{n.replace('_', '-')}": f"sagan_tf.commands.{n}:main" for n in SCRIPTS}
    assert entry_points() == wanted
    for target in wanted.values():
        path = importlib.util.find_spec(target.partition(":")[0]).origin
        functions = [n for n in ast.parse(pathlib.Path(path).read_text()).body]
        (main,) = [n for n in functions if getattr(n, "name", None) == "main"]
        assert isinstance(main, ast.FunctionDef) and not main.args.args


@pytest.fixture(scope="module")
def helps():
    """{command: [[exit code, text] as script, as module, as installed]}, from one process."""
    command = [sys.executable, "-c", DRIVER, json.dumps(SCRIPTS)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    return dict(zip(SCRIPTS, map(json.loads, done.stdout.splitlines())))


@pytest.mark.parametrize("name", SCRIPTS)
def test_help_is_the_same_however_a_command_is_started(name, helps):
    script, module, installed = helps[name]
    assert script == module == installed
    code, text = script
    assert code == 0 and SCRIPTS[name] in text and "--" in text
