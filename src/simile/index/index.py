"""The face that people import: a folder of documents, chunks and vectors that can be searched.

Chooses the store, the embedding model and the ranker; what they do together is in `retrieval`.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Self

from simile.errors import InputError
from simile.index.resources import Resources
from simile.protocols import ChatModel, EmbeddingModel, RankModel
from simile.retrieval.ask import MIN_COSINE, Answer, choose_passages, hits_for
from simile.retrieval.changes import Change
from simile.retrieval.fusion import Fusion
from simile.retrieval.prompt import DEFAULT_BUDGET_TOKENS, DEFAULT_TEMPLATE, Template
from simile.retrieval.ranking import (
    DEFAULT_K,
    Mode,
    Question,
    require_principals,
    require_question,
)
from simile.retrieval.recipe import Chunking, counter, holds_vectors
from simile.retrieval.report import IndexStats, SyncReport, stats_of
from simile.retrieval.search import search
from simile.retrieval.update import Progress, Update, preview
from simile.retrieval.walk import Selection, Walk, require_path
from simile.store import PUBLIC, CheckReport, StoredChunk
from simile.types import Document, Embeddings, Hit

if TYPE_CHECKING:
    from simile.evaluation.judged import Judged
    from simile.evaluation.tune import Tuning

__all__ = ["DEFAULT_FOLDER", "Chunking", "Index"]

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
        self._chunking = chunking
        self._resources = Resources(self.path, embedder, language)

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
        selection = Selection(
            base, include, exclude, tuple(sorted(require_principals(acl))), self.path
        )
        given = [paths] if isinstance(paths, Path | str) else paths
        walks = [Walk(require_path(path), selection) for path in given]
        if dry_run:  # Not through what is open: a language that is named would be kept.
            with closing(Resources(self.path, None, None)) as opened:
                return preview(opened.store_if_there(), walks, base, changed)
        if self._resources.store_if_there() is None:
            for walk in walks:
                walk.require(())
        self._resources.require_given()
        return self._update(progress).sync(walks, base, changed)

    def add(
        self, documents: Iterable[Document], *, progress: Progress = lambda _: None
    ) -> SyncReport:
        """Store documents, in place of those with their ids. Blocks; any number, as a stream.

        Raises InputError for what cannot be stored, and what `sync` raises.
        """
        self._resources.require_given()
        return self._update(progress).add(documents)

    def reindex(self, *, progress: Progress = lambda _: None) -> SyncReport:
        """Cut and embed all documents anew, with this index's `embedder` and `chunking`. Blocks.

        Beside the old vectors, which are searched until the new ones take over at once.
        """
        self._resources.store()
        return self._update(progress).reindex()

    def delete(self, ids: Iterable[str]) -> int:
        """Forget documents; returns how many there were. Files come back with the next sync."""
        if isinstance(ids, str) or not isinstance(ids, Iterable):
            raise InputError(f"ids is {ids!r}; expected a list of ids")
        store = self._resources.store()
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
        alpha: float | None = None,
        fusion: Fusion = "convex",
        rerank: RankModel | EmbeddingModel | str | None = None,
        per_document: int | None = None,
        collapse: float | None = None,
        context: int = 0,
        explain: bool = False,
    ) -> list[Hit]:
        """The k best chunks, best first, of those that the principals may read.

        `filter` is an expression over metadata (`year >= 2020 and lang = 'en'`). `alpha` is the
        weight of the dense arm, by default .6 or what `tune` chose. `rerank` is a model, or its
        name, that orders the candidates anew. `collapse` leaves out hits whose vectors have that
        cosine to a better one's.
        Raises InputError, FingerprintError, IndexNotFoundError, ModelError, EngineError.
        """
        question = Question(
            query,
            k=k,
            mode=mode,
            principals=require_principals(principals),
            filter=filter,
            alpha=alpha,
            fusion=fusion,
            per_document=per_document,
            collapse=collapse,
            context=context,
            explain=explain,
        )
        require_question(question)
        store = self._resources.store()
        if not holds_vectors(store.meta()):  # No model need be loaded.
            return []
        model = None if mode == "lexical" else self._resources.model()
        return search(store, model, question, self._resources.models.ranker(rerank))

    def ask(
        self,
        question: str,
        *,
        chat: ChatModel | str | None,
        k: int = 8,
        budget_tokens: int = DEFAULT_BUDGET_TOKENS,
        principals: Iterable[str] = (),
        filter: str | None = None,
        rerank: RankModel | EmbeddingModel | str | None = None,
        min_cosine: float = MIN_COSINE,
        template: Template = DEFAULT_TEMPLATE,
    ) -> Answer:
        """Search, and give the answer of a chat model as it comes: iterate over it.

        The best of `k` passages that fit in `budget_tokens` are sent, and only those that the
        principals may read. Without any as near as `min_cosine` nobody is asked. `chat` is a model
        or its name, `ollama/NAME` or `openai/NAME`; None shows what would be sent. Raises what
        `search` raises; iterating raises ModelNotFoundError, RemoteEngineError.
        """
        who = require_principals(principals)
        require_question(Question(question, k=k))
        hits = self.search(question, k=hits_for(k), principals=who, filter=filter, rerank=rerank)
        passages = choose_passages(
            hits,
            k=k,
            min_cosine=min_cosine,
            read=lambda id: self.get(id, principals=who),
            count_tokens=lambda texts: counter(self._resources.model())(texts),
            budget_tokens=budget_tokens,
        )
        model = None if chat is None else self._resources.models.chat(chat)
        return Answer(question, passages, model, template)

    def tune(
        self,
        judged: Sequence["Judged"],
        *,
        metric: str = "ndcg@10",
        principals: Iterable[str] = (),
        dry_run: bool = False,
    ) -> "Tuning":
        """Choose how the arms are fused, from judged queries; searches use it from then on.

        Only a gain that is no chance changes anything. Raises InputError, FingerprintError.
        """
        from simile.evaluation.tune import keep, tune

        found = tune(
            self._resources.store(),
            self._resources.model(),
            judged,
            metric=metric,
            principals=require_principals(principals),
        )
        if not dry_run:
            keep(self._resources.store(), found.chosen)
        return found

    def get(
        self, id: str, *, principals: Iterable[str] = (), everything: bool = False
    ) -> Document | None:
        """The document with this id; None if there is none that the principals may read."""
        document = self._resources.store().document(id)
        may = _reader(principals, everything=everything)
        return document if document is not None and may(document.acl) else None

    def documents(
        self, *, principals: Iterable[str] = (), everything: bool = False
    ) -> Iterator[Document]:
        """The documents that the principals may read, ordered by id; `everything` shows all."""
        may = _reader(principals, everything=everything)
        return (document for document in self._resources.store().documents() if may(document.acl))

    def chunks(
        self, *, principals: Iterable[str] = ()
    ) -> Iterator[tuple[Embeddings, list[StoredChunk]]]:
        """The chunks that the principals may read and their vectors (some, dim), in parts."""
        from simile.retrieval.export import stored_vectors

        return stored_vectors(self._resources.store(), require_principals(principals))

    def export(
        self, path: Path | str, *, principals: Iterable[str] = (), everything: bool = False
    ) -> int:
        """Write chunks and vectors that the principals may read; returns how many.

        `x.parquet` one table; `x.faiss` a FAISS index with chunk ids, and `x.ndjson`; another
        name a folder with `vectors.npy` and `chunks.ndjson`. Raises MissingExtraError, StoreError.
        """
        from simile.retrieval.export import export

        allowed = None if everything else require_principals(principals)
        return export(self._resources.store(), require_path(path), allowed)

    def stats(self) -> IndexStats:
        """Count what is there."""
        return stats_of(self._resources.store())

    def check(self, *, repair: bool = False) -> CheckReport:
        """Compare all that is derived with the truth, and look for orphans; mend them if asked."""
        return self._resources.store().check(repair=repair)

    def close(self) -> None:
        """Release files, and the models that were loaded by name; safe to call twice."""
        self._resources.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _update(self, progress: Progress) -> Update:
        return Update(
            self._resources.store(create=True),
            self._resources.model,
            cache=self._resources.cache,
            chunking=self._chunking,
            progress=progress,
        )


def _reader(principals: Iterable[str], *, everything: bool) -> Callable[[Iterable[str]], bool]:
    who = require_principals(principals) | {PUBLIC}
    return lambda acl: everything or not who.isdisjoint(acl)
