"""The face that people import: a folder of documents, chunks and vectors that can be searched.

Chooses the store, the embedding model and the ranker; what they do together is in `retrieval`.
"""

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, Self, cast

from simile.config import DEFAULT_MODEL, read_settings
from simile.errors import IndexNotFoundError, InputError
from simile.retrieval.fusion import Fusion
from simile.retrieval.hits import search
from simile.retrieval.recipe import MODEL, Chunking, chunking_of, require_model
from simile.retrieval.report import IndexStats, SyncReport
from simile.retrieval.search import (
    DEFAULT_ALPHA,
    DEFAULT_K,
    Mode,
    Question,
    require_principals,
    require_question,
)
from simile.retrieval.sync import Change
from simile.retrieval.update import Progress, Update, preview
from simile.retrieval.walk import Selection, Walk, require_path
from simile.store import PUBLIC, CheckReport, EmbeddingCache, SqliteStore
from simile.types import Document, EmbeddingModel, Hit, RankModel

DEFAULT_FOLDER = ".simile"


class Index:
    """May be shared by threads; other processes may read, and one at a time may write.

    Whatever reads runs for a set of principals: without any, only documents whose access list
    has `public` are seen.
    """

    def __init__(
        self,
        path: Path | str,
        *,
        embedder: EmbeddingModel | str | None = None,
        chunking: Chunking | None = None,
        language: str | None = None,
    ) -> None:
        """Name the folder; it is made by the first `sync` or `add`, and nothing is loaded yet.

        `embedder` is a model's name or anything that embeds; by default the model that the index
        was made with, and `all-minilm` for a new one. `language` chooses the stemmer (English).
        """
        self.path = Path(require_path(path)).absolute()
        self._given = embedder
        self._chunking = chunking
        self._language = language
        self._lock = threading.RLock()
        self._opened: SqliteStore | None = None
        self._models: dict[str, EmbeddingModel] = {}
        self._owned: list[Any] = []

    def sync(
        self,
        paths: Iterable[Path | str] | Path | str,
        *,
        acl: Sequence[str] = (PUBLIC,),
        include: Sequence[str] = (),
        exclude: Sequence[str] = (),
        dry_run: bool = False,
        changed: Callable[[Change], None] = lambda _: None,
        progress: Progress = lambda _: None,
    ) -> SyncReport:
        """Make the index hold what files and folders hold: add, update, forget. Blocks.

        `acl` is for documents of which neither their file nor a `simile.toml` says who may read
        them. `include` and `exclude` are globs as in .gitignore. What cannot be read is in the
        report. Raises InputError, LockedError, FingerprintError, ModelError, EngineError.
        """
        base = self.path.parent
        selection = Selection(base, include, exclude, tuple(sorted(require_principals(acl))))
        given = [paths] if isinstance(paths, Path | str) else paths
        walks = [Walk(require_path(path), selection) for path in given]
        if dry_run:
            return preview(self._store_if_there(), walks, base, changed)
        self._require_given()
        return self._update(progress).sync(walks, base, changed)

    def add(
        self, documents: Iterable[Document], *, progress: Progress = lambda _: None
    ) -> SyncReport:
        """Store documents, in place of those with their ids. Blocks; any number, as a stream.

        Raises InputError for what cannot be stored, and what `sync` raises.
        """
        self._require_given()
        return self._update(progress).add(documents)

    def reindex(self, *, progress: Progress = lambda _: None) -> SyncReport:
        """Cut and embed all documents anew, with this index's `embedder` and `chunking`. Blocks.

        Beside the old vectors, which are searched until the new ones take over at once.
        """
        self._store()
        return self._update(progress).reindex()

    def delete(self, ids: Iterable[str]) -> int:
        """Forget documents; returns how many there were. Files come back with the next sync."""
        if isinstance(ids, str):
            raise InputError(f"ids is one string, {ids!r}; expected a list of ids")
        store = self._store()
        with store.writing():
            count = store.delete(ids)
            store.flush()
        return count

    def search(
        self,
        query: str,
        *,
        k: int = DEFAULT_K,
        mode: Mode = "hybrid",
        principals: Iterable[str] = (),
        filter: str | None = None,
        alpha: float = DEFAULT_ALPHA,
        fusion: Fusion = "convex",
        rerank: RankModel | EmbeddingModel | str | None = None,
        per_document: int | None = None,
        collapse: float | None = None,
        context: int = 0,
        explain: bool = False,
    ) -> list[Hit]:
        """The k best chunks, best first, of those that the principals may read.

        `filter` is an expression over metadata (`year >= 2020 and lang = 'en'`). `alpha` is the
        weight of the dense arm. `rerank` is a model, or its name, that orders the candidates
        anew. `collapse` leaves out hits whose vectors have that cosine to a better one's.
        Raises InputError, FingerprintError, IndexNotFoundError, ModelError, EngineError.
        """
        question = Question(
            query, k=k, mode=mode, principals=require_principals(principals), filter=filter,
            alpha=alpha, fusion=fusion, per_document=per_document, collapse=collapse,
            context=context, explain=explain,
        )  # fmt: skip
        require_question(question)
        store = self._store()
        model = None if mode == "lexical" else self._model()
        if model is not None:
            require_model(store.meta(), model)
        return search(store, model, question, self._ranker(rerank))

    def get(
        self, id: str, *, principals: Iterable[str] = (), everything: bool = False
    ) -> Document | None:
        """The document with this id; None if there is none that the principals may read."""
        document = self._store().document(id)
        may = _reader(principals, everything=everything)
        return document if document is not None and may(document.acl) else None

    def documents(
        self, *, principals: Iterable[str] = (), everything: bool = False
    ) -> Iterator[Document]:
        """The documents that the principals may read, ordered by id; `everything` shows all."""
        may = _reader(principals, everything=everything)
        return (document for document in self._store().documents() if may(document.acl))

    def export(
        self, path: Path | str, *, principals: Iterable[str] = (), everything: bool = False
    ) -> int:
        """Write chunks and vectors that the principals may read; returns how many.

        `x.parquet` one table; `x.faiss` a FAISS index with chunk ids, and `x.ndjson`; another
        name a folder with `vectors.npy` and `chunks.ndjson`. Raises MissingExtraError, StoreError.
        """
        from simile.retrieval.export import export

        allowed = None if everything else require_principals(principals)
        return export(self._store(), require_path(path), allowed)

    def stats(self) -> IndexStats:
        """Count what is there."""
        store = self._store()
        held, meta = store.stats(), store.meta()
        return IndexStats(
            held.documents, held.chunks, held.dim, meta.get(MODEL), chunking_of(meta),
            store.language, held.generation, held.size_bytes,
        )  # fmt: skip

    def check(self, *, repair: bool = False) -> CheckReport:
        """Compare all that is derived with the truth, and look for orphans; mend them if asked."""
        return self._store().check(repair=repair)

    def close(self) -> None:
        """Release files, and the models that were loaded by name; safe to call twice."""
        with self._lock:
            for owned in self._owned:
                owned.close()
            self._owned.clear()
            self._models.clear()
            self._opened = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _update(self, progress: Progress) -> Update:
        return Update(
            self._store(create=True), self._model, cache=self._cache, chunking=self._chunking,
            progress=progress,
        )  # fmt: skip

    def _require_given(self) -> None:
        """FingerprintError if another model was named than the index was made with."""
        meta = self._store(create=True).meta()
        if self._given is not None and self._given != meta.get(MODEL, self._given):
            require_model(meta, self._model())

    def _store(self, *, create: bool = False) -> SqliteStore:
        with self._lock:
            if self._opened is None:
                self._opened = SqliteStore(self.path, create=create, language=self._language)
                self._owned.append(self._opened)
            return self._opened

    def _store_if_there(self) -> SqliteStore | None:
        try:
            return self._store()
        except IndexNotFoundError:
            return None

    def _model(self) -> EmbeddingModel:
        """The embedding model, loaded once."""
        meta = self._store().meta()
        given = self._given or meta.get(MODEL, DEFAULT_MODEL)
        return self._by_name(given) if isinstance(given, str) else given

    def _by_name(self, name: str) -> EmbeddingModel:
        from simile.embedder import Embedder

        with self._lock:
            if name not in self._models:
                embedder = Embedder(name)
                self._owned.append(embedder)
                self._models[name] = embedder
            return self._models[name]

    def _ranker(self, given: RankModel | EmbeddingModel | str | None) -> RankModel | None:
        from simile.retrieval.rerank import EmbeddingRanker

        model = self._by_name(given) if isinstance(given, str) else given
        if model is None or hasattr(model, "rank"):
            return cast("RankModel | None", model)
        return EmbeddingRanker(model)

    @cached_property
    def _cache(self) -> EmbeddingCache:
        cache = EmbeddingCache(read_settings().embedding_cache)
        self._owned.append(cache)
        return cache


def _reader(principals: Iterable[str], *, everything: bool) -> Callable[[Iterable[str]], bool]:
    who = require_principals(principals) | {PUBLIC}
    return lambda acl: everything or not who.isdisjoint(acl)
