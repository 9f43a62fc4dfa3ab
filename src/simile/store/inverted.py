"""The inverted index: terms of title and text to chunks, ranked by BM25 (Tantivy).

Derived from SQLite. Its head names the folder, the generation and Tantivy's own commit (opstamp);
if they disagree, the folder is rebuilt. Chunks deleted since the last rebuild count in BM25's
statistics until Tantivy merges their segment. k1 1.2, b .75, lengths in one byte as in Lucene.
"""

import json
import os
import shutil
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tantivy
from tantivy import Occur, Query

from simile.errors import StoreError
from simile.store.folder import is_own
from simile.store.heads import read_head, write_head
from simile.store.protocol import Having
from simile.store.reader import StoreReader
from simile.store.terms import QueryTerms, make_analyzer, metadata_term, parse_query, segment

HEAD = "inverted.head"
_FORMAT = 1
_HEAP_BYTES = 64_000_000
_MAX_TERMS = 256
_DELETE_BLOCK = 1000
_DEAD_SHARE = 0.25
Hits = list[tuple[float, int]]


@dataclass(frozen=True)
class Inverted:
    """An open index; its content does not change."""

    index: tantivy.Index
    searcher: tantivy.Searcher
    analyzer: tantivy.TextAnalyzer
    generation: int

    def parse(self, query: str) -> Query | None:
        """Return the query as an OR of its parts; None if it has no terms."""
        return _to_query(parse_query(query, self.analyzer), self.index.schema, self.searcher)

    def search(
        self,
        query: Query,
        limit: int,
        *,
        principals: Sequence[str] = (),
        having: Having = (),
        ids: Sequence[int] = (),
    ) -> Hits:
        """Return the best (score, chunk id), restricted to any given principals, metadata, ids."""
        schema = self.index.schema
        musts: list[tuple[str, Sequence[object]]] = [("acl", principals)] if principals else []
        for name, values in having:
            musts.append(("metadata", [metadata_term(name, value) for value in values]))
        if ids:
            musts.append(("id", ids))
        clauses = [(Occur.Must, query)]
        for field, terms in musts:
            allowed = Query.term_set_query(schema, field, terms)
            clauses.append((Occur.Must, Query.const_score_query(allowed, 0.0)))
        asked = Query.boolean_query(clauses) if musts else query
        hits = self.searcher.search(asked, limit, count=False).hits
        found = self.searcher.fast_field_values("id", [address for _, address in hits])
        return [(score, int(id)) for (score, _), id in zip(hits, found, strict=True) if id]


def update_inverted(
    folder: Path, source: StoreReader, language: str, *, rebuild: bool = False
) -> Inverted:
    """Update the folder's index to the source's generation. The caller must hold the lock."""
    head = None if rebuild else _head(folder, source.index, language)
    if head is not None and source.knows_dead_since(head["generation"]):
        opened = _open(folder, head, language, exact=True)
        if opened is not None:
            if head["generation"] == source.generation:
                return opened
            dead = source.dead(head["generation"])
            head["dead"] += len(dead)
            if head["dead"] <= _DEAD_SHARE * max(source.count, 4000):
                # A killed writer leaves files that Tantivy does not overwrite: then rebuild.
                with suppress(StoreError):
                    return _fill(folder, source, head, opened, [int(id) for id in dead])
    return _rebuild(folder, source, language)


def load_inverted(folder: Path, index: str, language: str) -> Inverted | None:
    """Load the folder's index, whatever its generation; None if missing or damaged."""
    head = _head(folder, index, language)
    return None if head is None else _open(folder, head, language, exact=False)


def inverted_in_memory(source: StoreReader, language: str) -> Inverted:
    """Build the index in memory, for readers that cannot write to the folder now."""
    index = tantivy.Index(_schema())
    _opened(index, language, 0)
    _add(index, source, 0, [])
    index.reload()
    return _opened(index, language, source.generation)


def _rebuild(folder: Path, source: StoreReader, language: str) -> Inverted:
    name = f"inverted-{source.generation}-{os.urandom(4).hex()}"
    (folder / name).mkdir()
    head = {"index": source.index, "language": language, "format": _FORMAT, "folder": name}
    head |= {"generation": 0, "last_id": 0, "dead": 0, "opstamp": 0}
    opened = _opened(tantivy.Index(_schema(), path=str(folder / name)), language, 0)
    filled = _fill(folder, source, head, opened, [])
    for old in folder.glob("inverted-*"):
        if old.name != name and is_own(folder, old):
            shutil.rmtree(old, ignore_errors=True)
    return filled


def _fill(
    folder: Path, source: StoreReader, head: dict[str, Any], opened: Inverted, dead: list[int]
) -> Inverted:
    try:
        _add(opened.index, source, head["last_id"], dead)
        opened.index.reload()
    except (ValueError, OSError) as exc:
        raise StoreError(f"{folder / head['folder']}: the inverted index failed: {exc}") from exc
    new = {"generation": source.generation, "last_id": source.last_id}
    write_head(folder / HEAD, head | new | {"opstamp": _opstamp(folder / head["folder"])})
    return _opened(opened.index, head["language"], source.generation)


def _add(index: tantivy.Index, source: StoreReader, after: int, dead: list[int]) -> None:
    writer = index.writer(heap_size=_HEAP_BYTES, num_threads=1)
    for begin in range(0, len(dead), _DELETE_BLOCK):  # by_term misses unsigned fields in 0.27
        part = dead[begin : begin + _DELETE_BLOCK]
        writer.delete_documents_by_query(Query.term_set_query(index.schema, "id", part))
    for text in source.texts(after):
        document = tantivy.Document()
        document.add_unsigned("id", text.id)
        document.add_text(
            "body", segment(f"{text.title}\n{text.text}" if text.title else text.text)
        )
        for principal in text.acl:
            document.add_text("acl", principal)
        for pair in text.metadata.items():
            document.add_text("metadata", metadata_term(*pair))
        writer.add_document(document)
    writer.commit()
    writer.wait_merging_threads()


def _schema() -> tantivy.Schema:
    builder = tantivy.SchemaBuilder()
    builder.add_unsigned_field("id", indexed=True, fast=True)
    builder.add_text_field("body", tokenizer_name="simile", index_option="position")
    for field in ("acl", "metadata"):
        builder.add_text_field(field, tokenizer_name="raw", index_option="basic")
    return builder.build()


def _opened(index: tantivy.Index, language: str, generation: int) -> Inverted:
    analyzer = make_analyzer(language)
    index.register_tokenizer("simile", analyzer)
    return Inverted(index, index.searcher(), analyzer, generation)


def _open(folder: Path, head: dict[str, Any], language: str, *, exact: bool) -> Inverted | None:
    path = folder / head["folder"]
    if exact and _opstamp(path) != head["opstamp"]:
        return None
    try:
        index = tantivy.Index.open(str(path))
        index.config_reader("manual")
        index.reload()
        return _opened(index, language, head["generation"])
    except (ValueError, OSError):
        return None


def _head(folder: Path, index: str, language: str) -> dict[str, Any] | None:
    head = read_head(folder / HEAD)
    wanted = {"index": index, "language": language, "format": _FORMAT}
    return head[0] if head is not None and wanted.items() <= head[0].items() else None


def _opstamp(path: Path) -> int | None:
    try:
        return int(json.loads((path / "meta.json").read_text(encoding="utf-8"))["opstamp"])
    except (OSError, ValueError, KeyError):
        return None


def _to_query(
    terms: QueryTerms, schema: tantivy.Schema, searcher: tantivy.Searcher
) -> Query | None:
    counts = {word: searcher.doc_freq("body", word) for word in terms.words}
    rarest = sorted((count, word) for word, count in counts.items() if count)[:_MAX_TERMS]
    parts = []
    for _, word in rarest:
        part = Query.term_query(schema, "body", word)
        times = terms.words[word]
        parts.append(part if times == 1 else Query.boost_query(part, float(times)))
    letters = terms.letters[:_MAX_TERMS]
    parts += [Query.regex_query(schema, "body", f"{letter}.?") for letter in letters]
    parts += [Query.phrase_query(schema, "body", list(phrase)) for phrase in terms.phrases]
    return Query.boolean_query([(Occur.Should, part) for part in parts]) if parts else None
