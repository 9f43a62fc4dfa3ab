"""A store's folder: creating it, recognizing its files, and measuring its size."""

import os
import re
import shutil
from contextlib import suppress
from pathlib import Path

from simile.errors import StoreError


def make_folder(folder: Path) -> None:
    """Create the folder if missing; a .gitignore keeps it out of git and of indexes above it."""
    folder.mkdir(parents=True, exist_ok=True)
    if not any(folder.iterdir()):  # only if empty, so that it hides nobody else's files
        (folder / ".gitignore").write_text("*\n", encoding="utf-8")


_OWN = re.compile(
    r"index\.sqlite.*|writer\.(lock|json)|aside|(vectors|inverted)\.head.*"
    r"|(vectors|inverted)-\d+-[0-9a-f]{8}(\.\w+)?"
)


def is_own(folder: Path, path: Path) -> bool:
    """Return whether a path belongs to the store in this folder, rather than lying beside it."""
    if not path.is_relative_to(folder) or path == folder:
        return False
    return _OWN.fullmatch(path.relative_to(folder).parts[0]) is not None


def require_content(database: Path) -> None:
    """Raise StoreError if the database is empty, though files derived from it are there."""
    log = database.with_name(f"{database.name}-wal")
    sizes = [path.stat().st_size for path in (database, log) if path.is_file()]
    heads = (database.with_name(name) for name in ("vectors.head", "inverted.head"))
    if sizes and not any(sizes) and any(map(os.path.lexists, heads)):
        raise StoreError(
            f"{database} is empty, but was not: restore a backup, or remove the folder and index"
            " again"
        )


def clear(aside: Path) -> None:
    """Remove a leftover store. Raises StoreError if the folder contains anything else."""
    if aside.is_symlink():
        raise StoreError(f"{aside} is a link, which is not part of an index; remove it")
    if aside.is_dir() and any(not is_own(aside, path) for path in aside.glob("[!.]*")):
        raise StoreError(f"{aside} contains files that are not part of an index; move them away")
    shutil.rmtree(aside, ignore_errors=True)


def size_of(folder: Path) -> int:
    """Return the size of all files in the folder in bytes; files that vanish meanwhile count 0."""
    size = 0
    for place, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):
                size += Path(place, name).stat().st_size
    return size
