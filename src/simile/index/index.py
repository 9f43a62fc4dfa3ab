"""The public index: a searchable folder of documents, chunks and vectors.

Chooses the store, the embedding model and the ranker; `retrieval` makes them work together.
"""

from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from simile.errors import InputError
from simile.index.reading import ReadableIndex
from simile.index.resources import Resources
from simile.protocols import EmbeddingModel
from simile.retrieval.changes import Change
from simile.retrieval.ranking import require_principals
from simile.retrieval.readers import SILENT, Readers, Undecided, readers_of
from simile.retrieval.recipe import Chunking
from simile.retrieval.report import SyncReport
from simile.retrieval.update import Progress, Update, preview
from simile.retrieval.walk import Selection, Walk, require_path
from simile.store import PUBLIC, CheckReport
from simile.types import Document

if TYPE_CHECKING:
    from simile.evaluation.judged import Judged
    from simile.evaluation.tune import Tuning

__all__ = ["DEFAULT_FOLDER", "Chunking", "Index"]

DEFAULT_FOLDER = ".simile"


class Index(ReadableIndex):
    """A searchable index in a folder.

    May be shared by threads. Other processes may read it, and one at a time may write. Every read
    is made on behalf of a set of principals; without any, only public documents are visible.
    """

    def __init__(
        self,
        path: Path | str,
        *,
        embedder: EmbeddingModel | str | None = None,
        chunking: Chunking | None = None,
        language: str | None = None,
    ) -> None:
        """Set the folder. The first `sync` or `add` creates it; nothing is loaded before.

        Args:
            path: The folder of the index.
            embedder: A model, or its name; by default the model that the index was made with, or
                `all-minilm` for a new index.
            chunking: Chunk sizes; by default those that the index was made with.
            language: The language of the stemmer; English by default.
        """
        folder = Path(require_path(path)).absolute()
        super().__init__(folder, Resources(folder, embedder, language))
        self._chunking = chunking

    def sync(
        self,
        paths: Iterable[Path | str] | Path | str,
        *,
        acl: Sequence[str] | None = None,
        default_acl: Sequence[str] | None = None,
        include: Sequence[str] = (),
        exclude: Sequence[str] = (),
        dry_run: bool = False,
        changed: Callable[[Change], None] = lambda _: None,
        progress: Progress = lambda _: None,
    ) -> SyncReport:
        """Make the index match files and folders: add, update and remove documents. Blocks.

        Args:
            paths: Files and folders.
            acl: Access list of the paths' documents without one in their file or a `simile.toml`.
                The index keeps it for the next syncs of these paths; `["default"]` forgets it.
            default_acl: Access list of all documents that nothing else gives one, which the index
                keeps. Until it is chosen they are public, and nothing may be protected.
            include: Globs, as in .gitignore, of the files to read.
            exclude: Globs of the files to skip.
            dry_run: Report what would change without changing it.
            changed: Called with each change before it is made.
            progress: Called with the counts after each batch.

        Returns:
            The counts, and the files that could not be read.

        Raises:
            InputError, LockedError, FingerprintError, ModelError, EngineError: As named.
        """
        given = [paths] if isinstance(paths, Path | str) else paths
        roots = [require_path(path) for path in given]
        selection = Selection(self.path.parent, include, exclude, index=self.path)
        # Not with self._resources, which would save a given language.
        with closing(Resources(self.path, None, None)) as resources:
            store = resources.store_if_there()
            known = Readers() if store is None else readers_of(store.meta())
            keys = [Walk(root, selection).key for root in roots]
            readers = known.told(keys, acl, default_acl)
            walks = [Walk(root, replace(selection, readers=readers)) for root in roots]
            if dry_run:
                return preview(store, walks, readers, changed)
            if store is None:
                for walk in walks:
                    walk.require(())
        self._resources.require_given()
        return self._update(progress).sync(walks, readers, changed)

    def add(
        self, documents: Iterable[Document], *, progress: Progress = lambda _: None
    ) -> SyncReport:
        """Store documents, replacing those with the same ids. Blocks; takes any number, streamed.

        Raises:
            InputError: Some documents could not be stored; the others are. Otherwise as `sync`.
        """
        self._resources.require_given()
        return self._update(progress).add(documents)

    def reindex(self, *, progress: Progress = lambda _: None) -> SyncReport:
        """Cut and embed all documents again, with this index's `embedder` and `chunking`. Blocks.

        Searches use the old vectors until the new ones replace them, all at once.
        """
        self._resources.store()
        return self._update(progress).reindex()

    def default_acl(self) -> tuple[str, ...]:
        """Return who may read what says nothing.

        Raises InputError if nobody chose, though something is protected.
        """
        store = self._resources.store_if_there()
        if store is None:
            return (PUBLIC,)
        readers = readers_of(store.meta())
        if readers.default is None:
            Undecided(store).see("the new text", SILENT)
        return readers.default or (PUBLIC,)

    def delete(self, ids: Iterable[str]) -> int:
        """Delete documents; return how many existed. The next sync adds those of files again."""
        if isinstance(ids, str) or not isinstance(ids, Iterable):
            raise InputError(f"ids is {ids!r}; expected a list of ids")
        store = self._resources.store()
        with store.writing():
            count = store.delete(ids)
            store.flush()
        return count

    def tune(
        self,
        judged: Sequence["Judged"],
        *,
        metric: str = "ndcg@10",
        principals: Iterable[str] = (),
        dry_run: bool = False,
    ) -> "Tuning":
        """Choose the fusion of the arms from judged queries; later searches use it.

        Changes nothing unless the gain is statistically significant.

        Args:
            judged: Queries with the documents that answer them.
            metric: What to improve, such as `ndcg@10`.
            principals: On whose behalf to search.
            dry_run: Choose, but save nothing.

        Raises:
            InputError, FingerprintError: As named.
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

    def check(self, *, repair: bool = False) -> CheckReport:
        """Check the database for damage, and the derived files against it; optionally repair."""
        return self._resources.store().check(repair=repair)

    def _update(self, progress: Progress) -> Update:
        return Update(
            self._resources.store(create=True),
            self._resources.model,
            cache=self._resources.cache,
            chunking=self._chunking,
            progress=progress,
        )
