"""Read files into documents, and cut documents into chunks; format libraries load lazily."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from simile.documents.chunking import chunk
    from simile.documents.folder import Folder
    from simile.documents.headings import embedded_text
    from simile.documents.loaders import load, load_stream
    from simile.documents.reading import FileLimits, LoadFailure

__all__ = ["FileLimits", "Folder", "LoadFailure", "chunk", "embedded_text", "load", "load_stream"]
_WHERE = {
    "FileLimits": "reading",
    "Folder": "folder",
    "LoadFailure": "reading",
    "chunk": "chunking",
    "embedded_text": "headings",
    "load": "loaders",
    "load_stream": "loaders",
}


def __getattr__(name: str) -> Any:
    """Import late, so that a reader process starts with no more than it needs."""
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_WHERE[name]}"), name)
