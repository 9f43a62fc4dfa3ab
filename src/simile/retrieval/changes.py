"""The items that a comparison of files with an index yields: documents, removals, notes.

Plain values: `sync` creates them, `update` counts them, `ingest` stores them.
"""

from dataclasses import dataclass

from simile.documents import LoadFailure
from simile.store import SourceFile
from simile.types import Document


@dataclass(frozen=True)
class Change:
    """A change of a document: `+` added, `~` changed, `-` removed."""

    sign: str
    id: str


@dataclass(frozen=True)
class Incoming:
    """A document to store."""

    document: Document
    content_hash: str
    source: str | None = None
    is_new: bool = False

    @property
    def change(self) -> Change:
        """The change that storing it makes to the index."""
        return Change("+" if self.is_new else "~", self.document.id)


@dataclass(frozen=True)
class Removal:
    """Documents to delete, after all previous items are stored."""

    ids: tuple[str, ...]


@dataclass(frozen=True)
class Unchanged:
    """Documents that have not changed."""

    count: int = 1


@dataclass(frozen=True)
class FileRead:
    """A file whose documents have all been yielded."""

    size_bytes: int


ToStore = Incoming | Removal | SourceFile
"""A SourceFile follows the last document of its file and marks it as complete."""
Item = ToStore | Unchanged | FileRead | LoadFailure
