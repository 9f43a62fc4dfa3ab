"""The inverted index: the terms of title and text, and the chunks that have them, in segments.

Derived from SQLite. Its head names the segments and their checksums; a segment never changes. New
chunks become a segment, merged with smaller ones before it, so that there are few. Deleted chunks
stay in their segments, and nobody reads them, until a quarter is deleted and all are built anew.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tantivy import TextAnalyzer

from simile.store.files import crc_of, is_sound
from simile.store.folder import is_own
from simile.store.heads import read_head, write_head
from simile.store.reader import StoreReader
from simile.store.segments import MAX_TOKENS, Segment, build, load, merge, size_of
from simile.store.terms import QueryTerms, make_analyzer, parse_query, with_pairs

HEAD = "inverted.head"
_FORMAT = 2
_DEAD_SHARE = 0.25
_TRIES = 5
_GROWTH = 4
"""A segment is merged with those after it once they have more than a quarter of its words."""
_MAX_TITLE_CHARS = 10_000


@dataclass(frozen=True)
class Inverted:
    """An open index; its content does not change."""

    segments: tuple[Segment, ...]
    """Chunk ids ascend from one to the next."""
    analyzer: TextAnalyzer
    generation: int

    def parse(self, query: str) -> QueryTerms:
        """Return the terms of a query."""
        return parse_query(query, self.analyzer)


def update_inverted(
    folder: Path, source: StoreReader, language: str, *, rebuild: bool = False
) -> Inverted:
    """Update the folder's index to the source's generation. The caller must hold the lock."""
    head = None if rebuild else _sound_head(folder, source, language)
    if head is not None and source.knows_dead_since(head["generation"]):
        if head["generation"] == source.generation:
            return _open(folder, head)
        head["dead"] += len(source.dead(head["generation"]))
        if head["dead"] <= _DEAD_SHARE * max(source.count, 4000):
            return _extend(folder, source, head)
    head = {"index": source.index, "language": language, "format": _FORMAT}
    return _extend(folder, source, head | {"last_id": 0, "dead": 0, "segments": []})


def load_inverted(
    folder: Path, source: StoreReader, language: str, *, thorough: bool = False
) -> Inverted | None:
    """Load the folder's index of a generation that the source remembers.

    Returns None if it is missing, older or damaged; `thorough` reads all of it to know.
    """
    for _ in range(_TRIES):
        head = _sound_head(folder, source, language, thorough=thorough)
        if head is None:
            return None
        with suppress(OSError, ValueError):  # a writer has just replaced the segments
            return _open(folder, head)
    return None


def inverted_in_memory(source: StoreReader, language: str) -> Inverted:
    """Build the index in memory, for readers that cannot write to the folder now."""
    analyzer = make_analyzer(language)
    segments = build(_words(source, 0, analyzer))
    return Inverted(tuple(segments), analyzer, source.generation)


def is_older(folder: Path) -> bool:
    """Return whether the folder's index is in the format of another version of simile."""
    head = read_head(folder / HEAD)
    return head is not None and head[0].get("format") != _FORMAT


def _extend(folder: Path, source: StoreReader, head: dict[str, Any]) -> Inverted:
    """Add the chunks after the head's last, and write the head."""
    kept: list[dict[str, Any]] = list(head["segments"])
    for segment in build(_words(source, head["last_id"], make_analyzer(head["language"]))):
        smaller = [segment]
        tokens = segment.tokens
        while kept and kept[-1]["lengths"]["positions"] < min(_GROWTH * tokens, MAX_TOKENS):
            smaller.insert(0, load(folder / kept[-1]["name"], kept[-1]["lengths"]))
            tokens += kept.pop()["lengths"]["positions"]
        kept.append(_save(folder, source.generation, merge(smaller) if smaller[1:] else segment))
    new = {"last_id": source.last_id, "segments": kept, **source.mark}
    write_head(folder / HEAD, head | new)
    names = {entry["name"] for entry in kept}
    for old in folder.glob("inverted-*"):
        if old.name not in names and is_own(folder, old):
            _remove(old)
    return _open(folder, head | new)


def _remove(old: Path) -> None:
    """Remove a segment, or the folder that it was in formats before."""
    with suppress(OSError):  # mapped by a reader on Windows; the next change retries
        if old.is_dir() and not old.is_symlink():
            shutil.rmtree(old)
        else:
            old.unlink()


def _save(folder: Path, generation: int, segment: Segment) -> dict[str, Any]:
    path = folder / f"inverted-{generation}-{os.urandom(4).hex()}.terms"
    lengths = segment.save(path)
    changed_ns = path.stat().st_mtime_ns
    return {"name": path.name, "lengths": lengths, "crc": crc_of(path), "mtime": changed_ns}


def _words(
    source: StoreReader, after: int, analyzer: TextAnalyzer
) -> Iterator[tuple[int, list[str]]]:
    for text in source.texts(after):
        title = f"{text.title[:_MAX_TITLE_CHARS]}\n" if text.title else ""
        yield text.id, analyzer.analyze(with_pairs(title + text.text))


def _open(folder: Path, head: dict[str, Any]) -> Inverted:
    segments = tuple(load(folder / entry["name"], entry["lengths"]) for entry in head["segments"])
    return Inverted(segments, make_analyzer(head["language"]), head["generation"])


def _sound_head(
    folder: Path, source: StoreReader, language: str, *, thorough: bool = False
) -> dict[str, Any] | None:
    head = read_head(folder / HEAD)
    wanted = {"index": source.index, "language": language, "format": _FORMAT}
    if head is None or not wanted.items() <= head[0].items() or not source.remembers(head[0]):
        return None
    try:
        for entry in head[0]["segments"]:
            path, size = folder / entry["name"], size_of(entry["lengths"])
            crc, changed_ns = entry["crc"], entry["mtime"]
            if (
                not is_own(folder, path)
                or path.parent != folder
                or not is_sound(path, size=size, crc=crc, changed_ns=changed_ns, thorough=thorough)
            ):
                return None
    except (KeyError, TypeError, ValueError):
        return None
    return head[0]
