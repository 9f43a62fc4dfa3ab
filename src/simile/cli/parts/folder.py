"""Locate the index: the folder named, or `.simile` in the working folder or the nearest parent."""

import os
from pathlib import Path
from typing import Any

from simile.index import DEFAULT_FOLDER, Index
from simile.retrieval.recipe import Chunking


def find_index(named: Path | None) -> Path:
    """Return the index's folder, which may not exist yet."""
    if named is not None:
        return named
    here = Path.cwd()
    folders = (folder / DEFAULT_FOLDER for folder in (here, *here.parents))
    return next((folder for folder in folders if folder.is_dir()), here / DEFAULT_FOLDER)


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
