"""Imports inside the package go one way: each room imports only from rooms above it."""

import ast
import graphlib
import pathlib

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent / "sagan_tf"

# A room is a module or a package right inside sagan_tf. Each may import from those above it.
ROOMS = (
    "errors",
    "version",
    "environment",
    "files",
    "hashing",
    "weight_files",
    "images",
    "keras_compat",
    "config",
    "sampling",
    "losses",
    "ops",
    "layers",
    "models",
    "data",
    "runs",
    "evaluation",
    "visualization",
    "training",
    "serving",
    "experiments",
    "command_line",
    "commands",
    "pretrained",
    "__init__",
)
# Settings are read before TensorFlow is there, for instance to print a command's help.
WITHOUT_TENSORFLOW = ("errors", "version", "config")
HEAVY = ("tensorflow", "keras")


def sources():
    """{module, such as "sagan_tf.runs.best": its text} of the whole package."""
    result = {}
    for path in sorted(ROOT.rglob("*.py")):
        parts = path.relative_to(ROOT.parent).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        result[name] = path.read_text(encoding="utf-8")
    return result


def room(module):
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else "__init__"


def imports(texts):
    """(module, what it imports, whether inside a function) for all imports, wherever they stand."""
    for module, text in texts.items():
        tree = ast.parse(text)
        functions = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
        inside = {
            id(node) for f in ast.walk(tree) if isinstance(f, functions) for node in ast.walk(f)
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{module} has a relative import"
                modules = [f"{node.module}.{alias.name}" for alias in node.names]
                names = [name if name in texts else node.module for name in modules]
            else:
                continue
            for name in names:
                yield module, name, id(node) in inside


def is_ours(name):
    return name.partition(".")[0] == "sagan_tf"


def wrong_ways(texts):
    """Imports of a room further down the list."""
    return [
        f"{module} imports {name}, but {room(name)} is below {room(module)}"
        for module, name, _ in imports(texts)
        if is_ours(name) and ROOMS.index(room(name)) > ROOMS.index(room(module))
    ]


def circle(texts):
    """Modules that import each other in a ring, or None."""
    edges = {module: set() for module in texts}
    for module, name, _ in imports(texts):
        if is_ours(name):
            edges[module].add(name)
    try:
        graphlib.TopologicalSorter(edges).prepare()
    except graphlib.CycleError as error:
        return error.args[1]
    return None


def late_imports(texts):
    """Imports of our own modules inside functions, which hide circles."""
    return [f"{module}: {name}" for module, name, late in imports(texts) if late and is_ours(name)]


def heavy_imports(texts):
    """Imports of TensorFlow or Keras where settings must do without."""
    return [
        f"{module}: {name}"
        for module, name, _ in imports(texts)
        if room(module) in WITHOUT_TENSORFLOW and name.partition(".")[0] in HEAVY
    ]


def test_every_room_has_a_place():
    strangers = {room(module) for module in sources()} - set(ROOMS)
    assert not strangers, f"put {strangers} where they belong in ROOMS"


def test_rooms_import_only_from_above():
    assert wrong_ways(sources()) == []


def test_no_circles():
    assert circle(sources()) is None


def test_no_import_of_our_own_inside_functions():
    assert late_imports(sources()) == []


def test_settings_do_without_tensorflow():
    assert heavy_imports(sources()) == []


@pytest.mark.parametrize(
    ("check", "module", "line"),
    [
        (wrong_ways, "sagan_tf.config.fields", "from sagan_tf import sampling"),
        (wrong_ways, "sagan_tf.runs.best", "from sagan_tf.evaluation.evaluator import Evaluator"),
        (wrong_ways, "sagan_tf.data.arrays", "import sagan_tf"),
        (wrong_ways, "sagan_tf.losses", "def f():\n    from sagan_tf.models import factory"),
        (circle, "sagan_tf.config.fields", "from sagan_tf.config import presets"),
        (circle, "sagan_tf.config.experiment", "import sagan_tf.config.flags"),
        (late_imports, "sagan_tf.experiments.suites", "def f():\n    import sagan_tf.files"),
        (heavy_imports, "sagan_tf.config.flags", "import tensorflow as tf"),
        (heavy_imports, "sagan_tf.errors", "from keras.utils import to_categorical"),
    ],
)
def test_a_bad_import_is_found(check, module, line):
    texts = sources()
    before = check(texts)
    texts[module] = f"{line}\n{texts[module].replace('from __future__ import annotations', '')}"
    assert not before
    assert check(texts)
