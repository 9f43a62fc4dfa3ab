"""The arrows between the rooms, and the size of what is in them."""

import ast
import re
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "src" / "simile"
BASE = {
    "address",
    "atomic",
    "bounded",
    "config",
    "errors",
    "extras",
    "numerics",
    "output_file",
    "protocols",
    "ranking",
    "texts",
    "types",
}
FACES = {"embedder", "reranker", "index", "chat"}
ARROWS: dict[str, set[str]] = {
    "errors": set(),
    "types": set(),
    "address": set(),
    "atomic": set(),
    "bounded": {"errors"},
    "extras": {"errors"},
    "texts": {"errors"},
    "numerics": {"types"},
    "output_file": {"atomic", "errors"},
    "protocols": {"types"},
    "ranking": {"errors", "texts", "types"},
    "config": {"errors"},
    "graph": set(),
    "checkpoints": BASE | {"graph"},
    "architectures": BASE | {"graph", "checkpoints"},
    "models": BASE | {"graph", "checkpoints", "architectures"},
    "hub": BASE | {"checkpoints", "models"},
    "engine": BASE | {"graph", "models"},
    "providers": BASE,
    "documents": BASE,
    "store": BASE,
    "analysis": BASE,
    "retrieval": BASE | {"store", "documents"},
    "evaluation": BASE | {"retrieval", "store"},
    "pull_progress": BASE | {"hub"},
    "embedder": BASE | {"models", "engine", "hub", "providers", "pull_progress"},
    "reranker": BASE | {"embedder", "engine", "providers", "retrieval"},
    "chat": BASE | {"providers"},
    "index": BASE
    | {"embedder", "reranker", "chat", "documents", "store", "retrieval", "evaluation"},
    "server": BASE | FACES | {"checkpoints", "models", "hub", "engine"},
    "cli": BASE
    | FACES
    | {
        "models",
        "hub",
        "engine",
        "pull_progress",
        "server",
        "documents",
        "retrieval",
        "evaluation",
        "analysis",
    },
    "examples": BASE | FACES | {"analysis"},
    "__main__": {"cli"},
    "": BASE | FACES,
}
FILES = sorted(PACKAGE.rglob("*.py"))
MAX_LINES = 300
MAX_FUNCTION_LINES = 60
ENVIRONMENT = re.compile(r"os\.environ|os\.getenv|getenv\(")
MAY_SEE_ENVIRONMENT = {"config.py", "hub/sources/package_index.py", "hub/sources/huggingface.py"}
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


def imported_files(path: Path) -> set[Path]:
    """The files of the package that a file imports, inside functions as well."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            # `from a import b`: b may be a file, or a name in a's.
            inside = [f"{node.module}.{alias.name}" for alias in node.names]
            names = [name if file_of(name) else node.module or "" for name in inside]
        else:
            continue
        found |= {file for name in names if (file := file_of(name))}
    return found - {path}


def file_of(module: str) -> Path | None:
    root, *parts = module.split(".")
    if root != "simile":
        return None
    place = PACKAGE.joinpath(*parts)
    candidates = (place.with_suffix(".py"), place / "__init__.py")
    return next((path for path in candidates if path.is_file()), None)


def test_no_circle_of_imports_between_files():
    sorter = TopologicalSorter({path: imported_files(path) for path in FILES})
    try:
        sorter.prepare()
    except CycleError as exc:
        pytest.fail(" -> ".join(names_of(reversed(exc.args[1]))))


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
    assert doors == {"graph.py"}
