"""Folders of files to sync, models that watch or fail, and all that an index holds, to compare."""

import json
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from tests.fake import FakeEmbedder

from simile.errors import EngineError
from simile.index import Index
from simile.store import ManifestEntry
from simile.types import Chunk, Document, Embeddings, Role


class Watched(FakeEmbedder):
    """Notes the texts that reach it."""

    def __init__(self, *, dim: int = 16) -> None:
        super().__init__(dim=dim)
        self.texts: list[str] = []

    def embed(self, texts: Sequence[str], *, role: Role) -> Embeddings:
        self.texts += texts
        return super().embed(texts, role=role)


class Failing(FakeEmbedder):
    """Raises at one call, counted from 0."""

    def __init__(self, call: int) -> None:
        super().__init__(dim=16)
        self._left = call
        self._lock = threading.Lock()

    def embed(self, texts: Sequence[str], *, role: Role) -> Embeddings:
        with self._lock:
            self._left -= 1
            if self._left == -1:
                raise EngineError("the engine broke")
        return super().embed(texts, role=role)


class Odd(FakeEmbedder):
    """Changes its vectors before it gives them."""

    def __init__(self, change: Callable[[Sequence[str], Embeddings], Embeddings]) -> None:
        super().__init__(dim=16)
        self._change = change

    def embed(self, texts: Sequence[str], *, role: Role) -> Embeddings:
        return self._change(texts, super().embed(texts, role=role))


def nan_for(word: str) -> Odd:
    """A model that has no vector for texts with this word."""

    def change(texts: Sequence[str], vectors: Embeddings) -> Embeddings:
        for text, vector in zip(texts, vectors, strict=True):
            if word in text:
                vector[0] = np.nan
        return vectors

    return Odd(change)


def write(folder: Path, files: Mapping[str, str | bytes]) -> Path:
    """Make files, and the folders they lie in."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return folder


def rows(*pairs: tuple[str, str]) -> str:
    """NDJSON of ids and texts."""
    return "".join(json.dumps({"id": id, "text": text}) + "\n" for id, text in pairs)


def counts(report) -> tuple[int, int, int, int]:
    return report.added, report.changed, report.removed, report.unchanged


Spans = list[tuple[Chunk, bytes]]


def held(index: Index) -> dict[str, tuple[Document, Spans, ManifestEntry]]:
    """Every document with its chunks and their vectors; fails for an index that is not sound."""
    assert index.check().problems == ()
    store = index._resources.store()
    view = store.view()
    found: dict[str, tuple[Document, Spans, ManifestEntry]] = {}
    total = 0
    for document in store.documents():
        chunks = store.document_chunks(document.id)
        total += len(chunks)
        places = np.searchsorted(view.ids, [chunk.id for chunk in chunks])
        assert view.allowed(document.acl)[places].all()
        spans = [
            (chunk.chunk, view.vectors[row].tobytes())
            for chunk, row in zip(chunks, places, strict=True)
        ]
        found[document.id] = (document, spans, store.manifest()[document.id])
    assert (
        total
        == store.stats().chunks
        == len(store.view().ids[store.view().allowed(everyone(index))])
    )
    return found


def everyone(index: Index) -> set[str]:
    """All principals that any document names."""
    return {who for document in index.documents(everything=True) for who in document.acl}


def texts(index: Index) -> dict[str, str]:
    return {document.id: document.text for document in index.documents(everything=True)}
