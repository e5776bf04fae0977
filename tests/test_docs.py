"""The pages: their links resolve, the functions they name exist, and so do the flags they show."""

import ast
import functools
import importlib.util
import json
import pathlib
import re

import pytest

from sagan_tf.config import FIELDS

ROOT = pathlib.Path(__file__).parents[1]
PAGES = sorted(
    path
    for pattern in ("README.md", "docs/*.md", "benchmarks/**/*.md", "examples/*.ipynb")
    for path in ROOT.glob(pattern)
)
LINK = re.compile(r"\[(?P<text>[^\]\[]*)\]\((?P<target>[^)\s]+)\)")
FLAG = re.compile(r"(?<![\w-])--(\w+)")
COMMAND = re.compile(r"(?:python3? |/python )((?:train|export|benchmarks)/[\w/]+\.py)([^`#]*)")
# Flags of other programs: pip, TensorBoard, TensorFlow Serving.
FOREIGN_FLAGS = {"quiet", "logdir", "enable_model_warmup", "help"}


def text_of(path):
    """What a reader sees: of a notebook, its cells."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".ipynb":
        cells = json.loads(text)["cells"]
        text = "\n\n".join("".join(cell["source"]) for cell in cells)
    return text


def links(path):
    """(text, target) of each relative link; those inside examples of code are none."""
    text = re.sub(r"^```.*?^```", "", text_of(path), flags=re.MULTILINE | re.DOTALL)
    found = [match.group("text", "target") for match in LINK.finditer(text)]
    return [(text, target) for text, target in found if "://" not in target]


def name_of(path):
    return path.relative_to(ROOT).as_posix()


@functools.cache
def syntax_of(path):
    return ast.parse(path.read_text(encoding="utf-8"))


def defines(path, names):
    """Whether a file defines a name; `names` goes on with names inside a class."""
    body = syntax_of(path).body
    for name in names:
        nodes = [node for node in body if name in _defined_by(node)]
        if not nodes:
            return False
        body = getattr(nodes[0], "body", [])
    return True


def _defined_by(node):
    if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
        return [node.name]
    targets = getattr(node, "targets", None) or [getattr(node, "target", None)]
    return [target.id for target in targets if isinstance(target, ast.Name)]


def can_import(name):
    """Whether a dotted name is a module, or an attribute of one."""
    found = importlib.import_module("sagan_tf")
    path = found.__name__
    for part in name.split(".")[1:]:
        path = f"{path}.{part}"
        if not hasattr(found, part):
            if not hasattr(found, "__path__") or importlib.util.find_spec(path) is None:
                return False
            importlib.import_module(path)
        found = getattr(found, part)
    return True


@functools.cache
def flags_of(script):
    """The flags of a script: those of its command, or those that a benchmark defines itself."""
    path = ROOT / script
    imported = re.search(r"^from (sagan_tf\.commands\.\w+) import main", path.read_text(), re.M)
    if imported:
        path = ROOT.joinpath(*imported[1].split(".")).with_suffix(".py")
    calls = {
        ast.unparse(node.func).rpartition(".")[2]: node
        for node in ast.walk(syntax_of(path))
        if isinstance(node, ast.Call)
    }
    flags = _flags_in(path)
    if "define_config_flags" in calls:
        flags |= set(FIELDS)
    if "adopt_module_key_flags" in calls and not imported:
        flags |= _flags_in(ROOT / "benchmarks" / "configuration.py")
    return flags | {f"no{flag}" for flag in flags}


def _flags_in(path):
    """Flags from calls of absl and argparse; a dict of defaults names those made in a loop."""
    found = set()
    for node in ast.walk(syntax_of(path)):
        if isinstance(node, ast.Call):
            function = ast.unparse(node.func).rpartition(".")[2]
            defines_flag = function.startswith("DEFINE") or function == "add_argument"
            # `DEFINE` has a parser in front of the name.
            names = [a.value for a in node.args[:2] if isinstance(a, ast.Constant)]
            if defines_flag and names:
                found.add(names[0].lstrip("-"))
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "defaults":
            found |= {key.value for key in node.value.keys if isinstance(key, ast.Constant)}
    return found


def shown_commands(path):
    """(script, flags) of each command that a page shows."""
    text = re.sub(r"\\\n\s*", " ", text_of(path))  # a command may go on in the next line
    text = re.sub(r"`([^`\n]*)\n([^`\n]*)`", r"`\1 \2`", text)
    for line in text.splitlines():
        for script, rest in COMMAND.findall(line):
            yield script, FLAG.findall(rest)


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_relative_links_resolve(path):
    missing = []
    for text, target in links(path):
        file, _, heading = target.partition("#")
        found = (path.parent / file).resolve() if file else path
        if not found.exists() or (heading and heading not in _headings(found)):
            missing.append(f"[{text}]({target})")
    assert not missing


def _headings(path):
    """The anchors that GitHub makes of the headings of a page."""
    titles = re.findall(r"^#+ (.+)$", text_of(path), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_functions_that_a_page_links_to_are_defined_in_that_file(path):
    missing = []
    for text, target in links(path):
        name = re.fullmatch(r"`(\w+(?:\.\w+)+)`", text)
        if not target.endswith(".py") or not name or text.endswith(".py`"):
            continue
        module, *names = name[1].split(".")
        file = (path.parent / target).resolve()
        if module != file.stem or not file.exists() or not defines(file, names):
            missing.append(f"{text} in {target}")
    assert not missing


def test_the_page_of_the_algorithm_names_functions():
    """The check above looks at what it is meant for, and finds what is not there."""
    page = ROOT / "docs" / "algorithm.md"
    named = [text for text, _ in links(page) if re.fullmatch(r"`\w+(\.\w+)+`", text)]
    assert len(named) > 40
    losses = ROOT / "sagan_tf" / "losses.py"
    assert defines(losses, ["hinge_generator"]) and not defines(losses, ["hinge"])
    assert not defines(ROOT / "sagan_tf" / "models" / "sagan.py", ["SAGAN", "hinge_generator"])


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_commands_that_a_page_shows_exist_and_have_its_flags(path):
    wrong = []
    for script, flags in shown_commands(path):
        if not (ROOT / script).exists():
            wrong.append(script)
            continue
        wrong += [f"{script} --{flag}" for flag in flags if flag not in flags_of(script) | {"help"}]
    assert not wrong


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_every_flag_that_a_page_mentions_belongs_to_some_command(path):
    patterns = ("train/*.py", "export/*.py", "benchmarks/**/*.py", "sagan_tf/pretrained.py")
    scripts = [script for pattern in patterns for script in ROOT.glob(pattern)]
    known = set().union(FOREIGN_FLAGS, *(flags_of(name_of(script)) for script in scripts))
    unknown = set(FLAG.findall(text_of(path))) - known
    assert not unknown


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_installed_commands_that_a_page_mentions_exist(path):
    installed = set(re.findall(r'"(sagan-[\w-]+) = ', (ROOT / "setup.py").read_text()))
    assert installed
    unknown = set(re.findall(r"(?<=`)sagan-[a-z-]+", text_of(path))) - installed
    assert not unknown


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_files_of_the_repository_that_a_page_mentions_exist(path):
    folders = "sagan_tf|tests|train|export|docs|benchmarks|examples"
    mentioned = re.findall(rf"(?<![\w./])(?:{folders})/[\w/]+\.(?:py|md|sh|yaml)", text_of(path))
    missing = [name for name in mentioned if not (ROOT / name).exists()]
    assert not missing


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_names_of_the_package_that_a_page_mentions_can_be_imported(path):
    text = text_of(path)
    mentioned = set(re.findall(r"(?<![\w/.-])sagan_tf(?:\.\w+)+", text))
    for module, names in re.findall(r"from (sagan_tf[\w.]*) import ([\w, ]+)", text):
        mentioned |= {f"{module}.{name.strip()}" for name in names.split(",")}
    missing = [name for name in sorted(mentioned) if not can_import(name)]
    assert not missing
