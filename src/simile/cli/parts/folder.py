"""Locate the index: the folder named, or `.simile` in the working folder or the nearest parent."""

import os
import stat
from pathlib import Path
from typing import Any

from simile.errors import InputError
from simile.index import DEFAULT_FOLDER, Index
from simile.retrieval.recipe import Chunking


def find_index(named: Path | None) -> Path:
    """Return the index's folder, which may not exist yet.

    Raises InputError for one that was not named and is somebody else's: it could take private
    texts, and its passages could be anything.
    """
    if named is not None:
        return named
    here = Path.cwd()
    folders = (folder / DEFAULT_FOLDER for folder in (here, *here.parents))
    found = next((folder for folder in folders if os.path.lexists(folder)), None)
    if found is not None:
        _require_own(found)
    return found or here / DEFAULT_FOLDER


def _require_own(folder: Path) -> None:
    """Raise InputError unless the folder and the index in it are the caller's, as git does."""
    if os.name == "nt":
        return  # files have no owner there that can be compared
    for path in (folder, *(path for path in (folder / "index.sqlite",) if os.path.lexists(path))):
        status = path.lstat()
        is_link = stat.S_ISLNK(status.st_mode)
        if status.st_uid != os.geteuid() or is_link:
            whose = "a link" if is_link else f"of user {_name_of(status.st_uid)}"
            raise InputError(
                f"the index {folder} was found above this folder, but {path.name} is {whose}; "
                f"if you trust it, name it with -i {folder}; otherwise name your own"
            )


def _name_of(uid: int) -> str:
    import pwd

    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def open_index(named: Path | None, model: str | None = None) -> Index:
    """Open the index; `model` replaces the model that it was made with."""
    return Index(find_index(named), embedder=model)


def chunking_of(
    max_tokens: int | None, min_tokens: int | None, overlap_tokens: int | None, *, whole: bool
) -> Chunking | None:
    """Return the given sizes, with defaults for the rest; None if none was given."""
    given = {"max_tokens": max_tokens, "min_tokens": min_tokens, "overlap_tokens": overlap_tokens}
    sizes: dict[str, Any] = {name: size for name, size in given.items() if size is not None}
    return Chunking(**sizes, whole=whole) if sizes or whole else None


def shown_path(index: Index, document_id: str) -> str:
    """Return a document's path relative to the working folder if possible, else its id."""
    path = index.path.parent / document_id
    if not os.path.exists(path):
        return document_id
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
