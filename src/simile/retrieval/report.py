"""What a sync did, and what it is doing."""

from dataclasses import dataclass

from simile.documents import LoadFailure
from simile.retrieval.recipe import Chunking


@dataclass(frozen=True)
class SyncReport:
    """What became of the documents that came by."""

    added: int
    changed: int
    removed: int
    unchanged: int
    chunks: int
    """All that the index holds now."""
    embedded: int
    """Texts that a model computed."""
    remembered: int
    """Texts whose vectors were known."""
    tokens: int
    """Of the embedded texts, as the model counts them."""
    failures: tuple[LoadFailure, ...]
    seconds: float


@dataclass(frozen=True)
class IndexStats:
    """What an index holds, and what it was made with."""

    documents: int
    chunks: int
    dim: int | None
    """None while it has no vectors; so are the next two."""
    model: str | None
    chunking: Chunking | None
    language: str
    generation: int
    """Grows with every change."""
    size_bytes: int


@dataclass
class Tally:
    """The counts while they grow; handed to who shows progress."""

    files: int = 0
    files_done: int = 0
    size_bytes: int = 0
    bytes_done: int = 0
    added: int = 0
    changed: int = 0
    removed: int = 0
    unchanged: int = 0
    embedded: int = 0
    remembered: int = 0
    tokens: int = 0
