"""Store documents, chunks, vectors and access lists; the only package with SQL."""

from typing import TYPE_CHECKING

from simile.store.protocol import (
    PUBLIC,
    CheckReport,
    Column,
    ManifestEntry,
    Mask,
    SourceFile,
    Store,
    StoredChunk,
    StoredDocument,
    StoreStats,
    View,
    value_order,
)

if TYPE_CHECKING:
    from simile.store.cache import EmbeddingCache, hash_text
    from simile.store.sqlite import SqliteStore

_LATE = {
    "EmbeddingCache": "simile.store.cache",
    "hash_text": "simile.store.cache",
    "SqliteStore": "simile.store.sqlite",
}

__all__ = [
    "PUBLIC",
    "CheckReport",
    "Column",
    "EmbeddingCache",
    "ManifestEntry",
    "Mask",
    "SourceFile",
    "SqliteStore",
    "Store",
    "StoreStats",
    "StoredChunk",
    "StoredDocument",
    "View",
    "hash_text",
    "value_order",
]


def __getattr__(name: str) -> object:
    """Import tantivy and sqlite3 only when they are used."""
    if name not in _LATE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_LATE[name]), name)
