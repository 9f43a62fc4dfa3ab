"""Choose a checkpoint's files among those offered, check them, put them into a folder.

Knows which files an encoder is read from, and sha256; does not know names, the catalog or the
network.
"""

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import file_digest
from pathlib import Path

from simile.checkpoints.json_file import find_json
from simile.errors import CheckpointError, DownloadError

Progress = Callable[[str, int, int | None], None]
"""Told the file, the bytes done and the bytes in all, where known."""


@dataclass(frozen=True)
class FileRecord:
    """One file of a model, as the manifest remembers it."""

    name: str
    """Relative, with `/` between folders."""
    size_bytes: int
    sha256: str


def check_modules(folder: Path) -> None:
    """Raise CheckpointError if a module of modules.json lacks its configuration.

    A model pooled in another way than it was trained for gives wrong vectors and no other sign.
    """
    modules = folder / "modules.json"
    if not modules.is_file():
        return
    try:
        needed = [
            f"{entry['path']}/config.json"
            for entry in find_json(modules)
            if entry["path"] and not entry["type"].endswith((".Normalize", ".StaticEmbedding"))
        ]
    except (TypeError, KeyError, AttributeError) as exc:
        raise CheckpointError(f"its modules.json is damaged: {exc}") from exc
    missing = [name for name in needed if not (folder / name).is_file()]
    if missing:
        raise CheckpointError(f"it has no {', '.join(missing)}, which its modules.json names")


def sha256_of(path: Path) -> str:
    """Hash a file. Raises DownloadError if it cannot be read."""
    try:
        with path.open("rb") as file:
            return file_digest(file, "sha256").hexdigest()
    except OSError as exc:
        raise DownloadError(f"{path} cannot be read: {exc.strerror or exc}") from exc


def check_sha256(name: str, actual: str, expected: str | None) -> None:
    """Raise DownloadError if the checksum differs from the expected one."""
    if expected is not None and actual != expected:
        raise DownloadError(f"sha256 of {name} is {actual}, expected {expected}")


def take_file(origin: Path, name: str, into: Path, expected_sha256: str | None) -> FileRecord:
    """Check a file and hard-link it into a folder under this name, or copy it.

    DownloadError if it cannot be read or its checksum is not the expected one; OSError if `into`
    cannot be written.
    """
    real = origin.resolve()
    actual = sha256_of(real)
    check_sha256(name, actual, expected_sha256)
    target = into / name
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(real, target)
    except OSError:
        # Another file system, or one without hard links.
        shutil.copyfile(real, target)
    return FileRecord(name, target.stat().st_size, actual)
