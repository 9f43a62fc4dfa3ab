"""The arrows between the rooms, and the size of what is in them."""

import ast
import re
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "src" / "simile"
BASE = {"errors", "types", "config"}
FACES = {"embedder", "reranker", "index", "chat"}
ARROWS: dict[str, set[str]] = {
    "errors": set(),
    "types": set(),
    "config": {"errors"},
    "models": BASE - {"config"},
    "engine": BASE | {"models"},
    "providers": BASE,
    "documents": BASE,
    "store": BASE,
    "analysis": BASE,
    "retrieval": BASE | {"store", "documents"},
    "evaluation": BASE | {"retrieval", "store"},
    "embedder": BASE | {"models", "engine", "providers"},
    "reranker": BASE | {"embedder", "models", "engine", "retrieval"},
    "chat": BASE | {"providers"},
    "opened": BASE | {"embedder", "reranker", "chat", "store", "retrieval"},
    "index": BASE | {"opened", "documents", "store", "retrieval", "evaluation"},
    "server": BASE | FACES | {"models", "engine"},
    "cli": BASE
    | FACES
    | {"models", "engine", "server", "documents", "retrieval", "evaluation", "analysis"},
    "examples": BASE | FACES | {"analysis"},
    "": BASE | FACES,
}
FILES = sorted(PACKAGE.rglob("*.py"))
MAX_LINES = 300
MAX_FUNCTION_LINES = 60
ENVIRONMENT = re.compile(r"os\.environ|os\.getenv|getenv\(")
MAY_SEE_ENVIRONMENT = {"config.py", "models/package_index.py", "models/huggingface.py"}
"""config reads it; the other two hand it on to programs and libraries that read their own."""


def room_of(path: Path) -> str:
    name = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    return "" if name == "__init__" else name


def imported_rooms(path: Path) -> set[str]:
    rooms = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            module = node.module or ""
            inside = (f"simile.{alias.name}" for alias in node.names)
            names = list(inside) if module == "simile" else [module]
        for name in names:
            if name.partition(".")[0] == "simile":
                rooms.add(name.partition(".")[2].partition(".")[0])
    return {room for room in rooms if room in ARROWS}


def names_of(paths):
    return [path.relative_to(PACKAGE).as_posix() for path in paths]


@pytest.mark.parametrize("path", FILES, ids=names_of(FILES))
def test_arrows_point_down(path):
    room = room_of(path)
    allowed = ARROWS[room] | {room}
    assert imported_rooms(path) <= allowed, f"{room} may import {sorted(allowed)}"


def test_every_room_has_its_arrows():
    assert {room_of(path) for path in FILES} == set(ARROWS)


@pytest.mark.parametrize("path", FILES, ids=names_of(FILES))
def test_files_and_functions_are_short_and_explained(path):
    text = path.read_text(encoding="utf-8")
    assert text.count("\n") <= MAX_LINES
    tree = ast.parse(text)
    assert ast.get_docstring(tree), "no module docstring"
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            assert lines <= MAX_FUNCTION_LINES, f"{node.name} has {lines} lines"


def test_only_config_reads_the_environment():
    readers = {
        name
        for name, path in zip(names_of(FILES), FILES, strict=True)
        if ENVIRONMENT.search(path.read_text(encoding="utf-8"))
    }
    assert readers <= MAY_SEE_ENVIRONMENT


def test_no_pickle():
    for path in FILES:
        assert not re.search(r"\bpickle\.|import pickle", path.read_text(encoding="utf-8")), path


def test_only_one_door_leads_to_openvino():
    doors = {
        name
        for name, path in zip(names_of(FILES), FILES, strict=True)
        if re.search(r"^\s*(import|from) openvino", path.read_text(encoding="utf-8"), re.M)
    }
    assert doors == {"models/graph.py"}
