"""The folder of a store, as others see it: not part of what it lies in, and so many bytes."""

import os
from contextlib import suppress
from pathlib import Path


def make_folder(folder: Path) -> None:
    """Make it unless it is there; git, and whoever indexes the folders above, leave it out."""
    folder.mkdir(parents=True, exist_ok=True)
    if not any(folder.iterdir()):  # It is ours: a .gitignore hides nothing of anybody else.
        (folder / ".gitignore").write_text("*\n", encoding="utf-8")


def size_of(folder: Path) -> int:
    """Bytes of all files in it; those that vanish meanwhile count nothing."""
    size = 0
    for place, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):
                size += os.stat(os.path.join(place, name)).st_size
    return size
