"""The folder of a store, as others see it: not part of what it lies in, and so many bytes."""

import os
import re
import shutil
from contextlib import suppress
from pathlib import Path

from simile.errors import StoreError


def make_folder(folder: Path) -> None:
    """Make it unless it is there; git, and whoever indexes the folders above, leave it out."""
    folder.mkdir(parents=True, exist_ok=True)
    if not any(folder.iterdir()):  # It is ours: a .gitignore hides nothing of anybody else.
        (folder / ".gitignore").write_text("*\n", encoding="utf-8")


_OWN = re.compile(
    r"index\.sqlite.*|writer\.(lock|json)|aside|(vectors|inverted)\.head.*"
    r"|(vectors|inverted)-\d+-[0-9a-f]{8}(\.\w+)?"
)


def is_own(folder: Path, path: Path) -> bool:
    """Whether a path is part of the store in this folder, not something beside it."""
    if not path.is_relative_to(folder) or path == folder:
        return False
    return _OWN.fullmatch(path.relative_to(folder).parts[0]) is not None


def clear(aside: Path) -> None:
    """Remove what a store left beside itself; StoreError if it is somebody else's folder."""
    if aside.is_dir() and any(not is_own(aside, path) for path in aside.glob("[!.]*")):
        raise StoreError(f"{aside} holds files of somebody else; expected none: move them away")
    shutil.rmtree(aside, ignore_errors=True)


def size_of(folder: Path) -> int:
    """Bytes of all files in it; those that vanish meanwhile count nothing."""
    size = 0
    for place, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):
                size += Path(place, name).stat().st_size
    return size
