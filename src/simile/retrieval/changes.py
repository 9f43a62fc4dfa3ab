"""What flows from a comparison of files with an index to the index: documents, removals, notes.

Values alone: `sync` makes them, `update` counts them, `ingest` stores them.
"""

from dataclasses import dataclass

from simile.documents import LoadFailure
from simile.store import SourceFile
from simile.types import Document


@dataclass(frozen=True)
class Change:
    """What happens to a document: `+` added, `~` changed, `-` removed."""

    sign: str
    id: str


@dataclass(frozen=True)
class Incoming:
    """A document to be stored."""

    document: Document
    content_hash: str
    source: str | None = None
    is_new: bool = False

    @property
    def change(self) -> Change:
        """What storing it does to the index."""
        return Change("+" if self.is_new else "~", self.document.id)


@dataclass(frozen=True)
class Removal:
    """Documents to be forgotten, after all that came before is stored."""

    ids: tuple[str, ...]


@dataclass(frozen=True)
class Unchanged:
    """Documents that read as they did."""

    count: int = 1


@dataclass(frozen=True)
class FileRead:
    """A file of which all documents have come."""

    size_bytes: int


ToStore = Incoming | Removal | SourceFile
"""A SourceFile comes after the last document of its file, and says that nothing is missing."""
Item = ToStore | Unchanged | FileRead | LoadFailure
