"""Create a folder of real files: code and prose that came with the running interpreter.

Takes files of the standard library and of installed packages in a pseudorandom order, each cut at
the end of a line before 300 to 3,000 characters, so that ten thousand have two to four million
tokens. Other interpreters give other files of the same sizes, as the sha256 shows. Knows no engine.
"""

import math
import shutil
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from itertools import islice
from pathlib import Path

SUFFIXES = frozenset({".py", ".rst", ".md", ".txt"})
SHORTEST, LONGEST = 300, 3000
_PER_FOLDER = 100


@dataclass(frozen=True)
class Folder:
    """Files to index."""

    path: Path
    files: int
    size_bytes: int
    digest: str
    """SHA-256 of all contents, hexadecimal."""


def make(path: Path, count: int) -> Folder:
    """Write `count` files to a new folder. Raises ValueError if there are fewer."""
    made = 0
    for number, (name, text) in enumerate(islice(_excerpts(), count)):
        folder = path / f"{number // _PER_FOLDER:03}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{number:05}-{name}").write_text(text, encoding="utf-8", newline="")
        made += 1
    if made < count:
        raise ValueError(f"--files is {count}; this Python and its packages have {made}")
    return describe(path)


def copy(source: Path, path: Path) -> Folder:
    """Copy a folder, so that the benchmark may modify it."""
    shutil.copytree(source, path)
    return describe(path)


def describe(path: Path) -> Folder:
    """Count and hash the files of a folder."""
    files = sorted(file for file in path.rglob("*") if file.is_file())
    digest, size = sha256(), 0
    for file in files:
        content = file.read_bytes()
        digest.update(content)
        size += len(content)
    return Folder(path, len(files), size, digest.hexdigest())


def _excerpts() -> Iterator[tuple[str, str]]:
    """Yield names and beginnings of files."""
    paths = sysconfig.get_paths()
    roots = dict.fromkeys(Path(paths[name]) for name in ("stdlib", "purelib", "platlib"))
    found = {path for root in roots for path in root.rglob("*") if path.suffix in SUFFIXES}
    for path in sorted(found, key=_key):
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):  # Some files of the library are invalid on purpose.
            continue
        cut = _cut(text, int(_key(path)[8:16], 16) / 2**32)
        if len(cut) >= SHORTEST // 2:
            yield path.name, cut


def _key(path: Path) -> str:
    return sha256("/".join(path.parts[-4:]).encode()).hexdigest()


def _cut(text: str, share: float) -> str:
    """Cut to a random size at a line end; larger sizes are rarer."""
    room = int(SHORTEST * math.exp(share * math.log(LONGEST / SHORTEST)))
    return text if len(text) <= room else text[: text.rfind("\n", 0, room) + 1]
