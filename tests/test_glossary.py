"""The glossary's words are the code's: each names one thing, and the thing is there."""

import ast
import re
from collections import Counter
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
GLOSSARY = (ROOT / "docs" / "GLOSSARY.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| ([^|`]+) \| ([^|]+) \| `(simile[\w.]+)` \|$", GLOSSARY, re.M)
PROSE = [
    *(path for path in (ROOT / "docs").glob("*.md") if path.name != "GLOSSARY.md"),
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md")),
    *(ROOT / "src" / "simile").rglob("*.py"),
]
BANNED = re.compile(
    r"engines? elsewhere|remote engine|Hugging Face hub"
    r"|tokenis|quantis|normalis|licence|catalogue|neighbour",
    re.IGNORECASE,
)
EXCEPT = {"hub/manifest.py": "licence"}
"""Manifests of before have the key in this spelling."""
ONE_A_FILE = {"Architecture"}
"""The class that every file of an architecture holds; they are found by it."""


def found(place: str) -> bool:
    """Whether a dotted path leads to a module, a name in one, or an attribute or field."""
    parts = place.split(".")
    for length in range(len(parts), 1, -1):
        try:
            thing = import_module(".".join(parts[:length]))
        except ModuleNotFoundError:
            continue
        for name in parts[length:]:
            fields = getattr(thing, "__dataclass_fields__", {})
            annotations = getattr(thing, "__annotations__", {})
            if hasattr(thing, name):
                thing = getattr(thing, name)
            elif name in fields or name in annotations:
                return True
            else:  # An attribute that is set when an object is made.
                module = import_module(getattr(thing, "__module__", ".".join(parts[:length])))
                source = Path(str(module.__file__)).read_text(encoding="utf-8")
                return f"self.{name} = " in source
        return True
    return False


def test_the_tables_are_read():
    assert len(ROWS) > 40


@pytest.mark.parametrize(("word", "place"), [(word, place) for word, _, place in ROWS])
def test_a_word_is_in_the_code(word, place):
    assert found(place), f"{word}: there is no {place}"


def test_each_word_is_explained_once():
    assert [word for word, count in Counter(word for word, _, _ in ROWS).items() if count > 1] == []


def test_each_word_names_one_thing():
    places = Counter(place for _, _, place in ROWS)
    assert [place for place, count in places.items() if count > 1] == []


def test_no_two_classes_share_a_name():
    names: Counter[str] = Counter()
    for path in (ROOT / "src" / "simile").rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        names.update(node.name for node in tree.body if isinstance(node, ast.ClassDef))
    twice = {name for name, count in names.items() if count > 1 and not name.startswith("_")}
    assert twice <= ONE_A_FILE


@pytest.mark.parametrize("path", PROSE, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_nobody_writes_another_word(path):
    allowed = next((word for name, word in EXCEPT.items() if path.match(name)), None)
    words = {word.lower() for word in BANNED.findall(path.read_text(encoding="utf-8"))}
    assert words <= {allowed}
