"""Compare an index with its paths: which documents to add, change and remove.

An unchanged file (time, size, rules) is not read, an unchanged document is not cut, and a cached
text is not embedded. Removals come last. A file that cannot be read is reported, and its documents
stay in the index; unless its access list cannot be obeyed, which could be narrower than theirs.
"""

import hashlib
import json
import os
import time
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from simile.documents import LoadFailure, load
from simile.documents.loaders import document_id
from simile.documents.suffixes import SAY_ACL
from simile.retrieval.changes import FileRead, Incoming, Item, Removal, Unchanged
from simile.retrieval.readers import SILENT, Undecided
from simile.retrieval.walk import FoundFile, Walk
from simile.store import PUBLIC, ManifestEntry, SourceFile
from simile.types import Document

_SETTLED_NS = 2_000_000_000
"""A file changed more recently may change again within one tick of the file system's clock."""


@dataclass
class Look:
    """The result of a look at all files: those to read, and what is known without reading."""

    files: list[FoundFile] = field(default_factory=list)
    unchanged: int = 0
    """Number of documents in unchanged files."""
    failures: list[LoadFailure] = field(default_factory=list)
    """Folders that cannot be listed."""
    skipped: list[LoadFailure] = field(default_factory=list)
    """Links and such, and rules that matched nothing."""


class Sync:
    """One comparison of paths with an index. Writes nothing; yields what to write."""

    def __init__(
        self,
        walks: Sequence[Walk],
        *,
        manifest: dict[str, ManifestEntry],
        sources: dict[str, SourceFile],
        undecided: Undecided | None = None,
    ) -> None:
        """`undecided` is None once somebody chose who may read what says nothing."""
        self._base = walks[0].selection.base if walks else Path()
        self._walks = walks
        self._entries = manifest
        self._sources = sources
        self._undecided = undecided
        self._by_source: dict[str, set[str]] = defaultdict(set)
        for id, entry in manifest.items():
            if entry.source is not None:
                self._by_source[entry.source].add(id)
        self._present: set[str] = set()
        self._unread: set[str] = set()  # files that were not read completely
        self._closed: set[str] = set()  # files that may have said who may read: what was is removed
        self._failed: set[str] = set()  # files with documents that cannot be stored
        self._contested: dict[str, tuple[FoundFile, set[str]]] = {}

    def look(self) -> Look:
        """Look at all files without reading any. Raises InputError for a path that is missing."""
        look = Look()
        for walk in self._walks:
            for found in walk.files():
                if found.source.path in self._present:
                    continue
                self._present.add(found.source.path)
                if self._sources.get(found.source.path) == found.source:
                    look.unchanged += len(self._by_source[found.source.path])
                else:
                    look.files.append(found)
            walk.require(self._by_source)
            for folder in walk.blind:
                name = document_id(folder, self._base)
                look.failures.append(LoadFailure(name, "cannot be listed; its documents stay"))
            for path, reason in walk.skipped:
                look.skipped.append(LoadFailure(document_id(path, self._base), reason))
        return look

    def require_decided(self, look: Look) -> None:
        """Raise InputError if somebody must choose a default first, before anything is stored.

        Reads the files whose own words may say who may read.
        """
        if self._undecided is None:
            return
        for found in look.files:
            if found.path.suffix.lower() not in SAY_ACL:
                self._undecided.see(found.source.path, found.acl)
                continue
            for loaded in load(found.path, acl=found.acl, root=self._base):
                if isinstance(loaded, Document):
                    self._undecided.see(loaded.id, loaded.acl)
        read = {found.source.path for found in look.files}
        self._undecided.see_stored(lambda source: source not in read and self._is_silent(source))

    def _is_silent(self, source: str) -> bool:
        """Return whether a file is not read, its documents stay, and nothing names readers."""
        gone = source not in self._present and any(walk.covers(source) for walk in self._walks)
        alone = Walk(self._base / source, self._walks[0].selection)
        return not gone and alone.is_silent(self._base / source)

    def items(self, files: Iterable[FoundFile]) -> Iterator[Item]:
        """Read the files; yield documents, removals, and each file once it is complete."""
        for found in files:
            seen: set[str] = set()
            yield from self._documents(found, seen)
            if found.source.path in self._closed or found.source.path not in self._unread:
                yield from self._removal(self._by_source[found.source.path] - seen)
            if self._is_whole(found.source):
                yield found.source
            yield FileRead(found.source.size_bytes)
        for source, ids in self._by_source.items():
            if source not in self._present and any(walk.covers(source) for walk in self._walks):
                yield from self._removal(set(ids))
        yield from self._moved()

    def _moved(self) -> Iterator[Item]:
        """Yield documents that moved here from another file, which no longer has them."""
        contested, self._contested = self._contested, {}
        for path, (found, ids) in contested.items():
            if free := ids - self._entries.keys():
                yield from self._documents(found, set(), only=free)
            for id in sorted(ids - free):
                reason = f"{self._entries[id].source} also has a document with the id {id!r}"
                yield LoadFailure(path, reason)

    def _documents(
        self, found: FoundFile, seen: set[str], *, only: Collection[str] | None = None
    ) -> Iterator[Item]:
        path = found.source.path
        for loaded in load(found.path, acl=found.acl, root=self._base):
            if isinstance(loaded, LoadFailure):
                if only is None:
                    yield loaded
                    (self._closed if loaded.is_closed else self._unread).add(path)
                continue
            if only is not None and loaded.id not in only:
                continue
            if self._undecided is not None:
                self._undecided.see(loaded.id, loaded.acl)
            acl = (PUBLIC,) if tuple(loaded.acl) == SILENT else loaded.acl
            metadata = {**found.metadata, **loaded.metadata}
            document = replace(loaded, acl=acl, metadata=metadata)
            if self._is_contested(document.id, path):
                self._contested.setdefault(path, (found, set()))[1].add(document.id)
                self._failed.add(path)
                continue
            if reason := self._why_not(document.id, path, seen):
                yield LoadFailure(path, reason)
                self._failed.add(path)
                continue
            seen.add(document.id)
            hash, before = content_hash(document), self._entries.get(document.id)
            if before == ManifestEntry(hash, found.source.path):
                yield Unchanged()
                continue
            self._take(document.id, ManifestEntry(hash, found.source.path))
            yield Incoming(document, hash, path, is_new=before is None)

    def _is_whole(self, file: SourceFile) -> bool:
        settled = time.time_ns() - file.changed_ns > _SETTLED_NS
        incomplete = (self._unread, self._failed, self._closed)
        return settled and not any(file.path in paths for paths in incomplete)

    def _is_path(self, id: str) -> bool:
        """Return whether an id belongs to a file, in the walk, the index or the folder."""
        if id in self._present or id in self._sources:
            return True
        try:
            return Path(self._base / id).is_file()
        except ValueError:
            return False

    def _why_not(self, id: str, source: str, seen: set[str]) -> str | None:
        """Return why a file cannot have a document with this id; None if it can."""
        if id != source and self._is_path(id):
            return f"its id {id!r} is the path of another file; give it one of its own"
        if id in seen:
            return f"it has two documents with the id {id!r}; the first was kept"
        if id in self._entries and self._entries[id].source is None:
            return f"a document with the id {id!r} already exists and was not added from a file"
        return None

    def _is_contested(self, id: str, source: str) -> bool:
        """Return whether another file has a document with this id and still exists."""
        before = self._entries.get(id)
        if before is None or before.source in (None, source):
            return False
        return before.source in self._present or os.path.exists(self._base / before.source)

    def _take(self, id: str, entry: ManifestEntry | None) -> None:
        """Record or remove the entry of an id."""
        before = self._entries.pop(id, None)
        if before is not None and before.source is not None:
            self._by_source[before.source].discard(id)
        if entry is not None:
            self._entries[id] = entry
            self._by_source[str(entry.source)].add(id)

    def _removal(self, ids: set[str]) -> Iterator[Removal]:
        if ids:
            for id in sorted(ids):
                self._take(id, None)
            yield Removal(tuple(ids))


def content_hash(document: Document) -> str:
    """Return a hash of a document's text, title, metadata, access list and pages."""
    rest = [document.title, dict(document.metadata), sorted(document.acl), list(document.pages)]
    said = json.dumps(rest, sort_keys=True, default=str) + "\0" + document.text
    return hashlib.sha256(said.encode("utf-8", "surrogatepass")).hexdigest()
