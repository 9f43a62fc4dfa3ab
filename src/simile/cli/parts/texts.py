"""Read the input of the analysis commands: texts of an index, a file, a folder or stdin.

One text is a line of a file, a row of a table (CSV, JSON, NDJSON) with a `text` field, or a file of
a folder. An index gives the chunks that the principals may read, with their stored vectors.
"""

import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import click
import numpy as np

from simile.cli.parts.stdin import lines_of
from simile.errors import InputError
from simile.types import Embeddings, Role

if TYPE_CHECKING:
    from simile.embedder import Embedder

_TABLES = (".csv", ".tsv", ".json", ".jsonl", ".ndjson")
_BATCH = 8_192
_HEAD = 8_192


@dataclass(frozen=True)
class NamedTexts:
    """Texts with their ids; those from an index already have vectors."""

    ids: list[str]
    """A line's number, a row's id, a file's path, or `document#from-to` for a chunk."""
    texts: list[str]
    vectors: Embeddings | None = None
    """float32 (n, dim)."""
    model: str | None = None
    """The model that produced the vectors."""

    def embedded(self, embedder: "Embedder", *, role: Role) -> Embeddings:
        """Embed each distinct text once, with progress on stderr; float32 (n, dim), in order."""
        distinct = {text: row for row, text in enumerate(dict.fromkeys(self.texts))}
        vectors = embed_shown(embedder, list(distinct), role=role)
        if len(distinct) == len(self.texts):
            return vectors
        return vectors[[distinct[text] for text in self.texts]]


def read_texts(
    source: str | None, index: Path | None, principals: Sequence[str] = ()
) -> NamedTexts:
    """Read a file, a folder or `-`, or an index if `source` is None.

    Raises InputError for unreadable input.
    """
    if source is None:
        return _of_index(index, principals)
    if index is not None:
        raise click.UsageError("give either an index (-i) or a FILE, not both")
    if source == "-":
        return _of_lines(sys.stdin.buffer)
    from simile.documents.reading import looks_binary

    path = Path(source)
    if path.is_dir():
        return _of_documents(_files(path), path)
    if path.suffix.lower() in _TABLES:
        found = _of_documents([path], path.parent)
        if found.ids == [path.name]:  # Read as one text.
            raise InputError(f"{path} has no column or field named text")
        return found
    try:
        with path.open("rb") as file:
            if looks_binary(file.peek(_HEAD)):
                raise InputError(f"{path} is a binary file; expected one text per line")
            return _of_lines(file)
    except OSError as exc:
        raise InputError(f"{path} cannot be read: {exc.strerror}") from exc


def embed_shown(embedder: "Embedder", texts: Sequence[str], *, role: Role) -> Embeddings:
    """Embed texts, with a progress bar on a terminal; float32 (n, dim)."""
    parts = [np.empty((0, embedder.dim), np.float32)]
    with bar(len(texts), "texts") as shown:
        for start in range(0, len(texts), _BATCH):
            for part in embedder.embed_stream(texts[start : start + _BATCH], role=role):
                parts.append(part)
                shown.update(len(part))
    return np.concatenate(parts)


def bar(total: float, unit: str) -> "tqdm":  # type: ignore[name-defined]  # noqa: F821
    """Return a progress bar on stderr, shown after half a second and only on a terminal."""
    from tqdm import tqdm

    quiet = not sys.stderr.isatty()
    return tqdm(
        total=total, unit=f" {unit}", unit_scale=True, delay=0.5, leave=False, file=sys.__stderr__,
        disable=quiet,
    )  # fmt: skip


def _of_index(folder: Path | None, principals: Sequence[str]) -> NamedTexts:
    from simile.cli.parts.folder import open_index

    ids, texts, parts = [], [], []
    with open_index(folder) as index:
        stats = index.stats()
        for vectors, chunks in index.chunks(principals=principals):
            parts.append(vectors)
            for one in chunks:
                ids.append(f"{one.document_id}#{one.chunk.start}-{one.chunk.end}")
                texts.append(one.chunk.text)
    none = np.empty((0, stats.dim or 0), np.float32)
    return NamedTexts(ids, texts, np.concatenate([none, *parts]), stats.model)


def _of_lines(file: BinaryIO) -> NamedTexts:
    """Read one text per line, or `{"text": …}` if the first line is one; skip blank lines."""
    from simile.documents.rows import document_of, has_text, parse_json

    ids: list[str] = []
    texts: list[str] = []
    is_json = None
    for number, text in enumerate(lines_of(file), start=1):
        text = text.removeprefix("\ufeff").rstrip("\r")
        if not text.strip():
            continue
        if is_json is None:
            is_json = text.startswith("{") and has_text(parse_json(text.encode()))
        if is_json:
            row = parse_json(text.encode())
            if not isinstance(row, dict):
                raise InputError(f"line {number} is {text!r:.60}; expected an object with a text")
            document = document_of(row, str(number), ("public",))
            ids.append(document.id)
            texts.append(document.text)
        else:
            ids.append(str(number))
            texts.append(text)
    return NamedTexts(ids, texts)


def _of_documents(paths: Iterable[Path], root: Path) -> NamedTexts:
    """Read one text per document; report unreadable files on stderr and skip them."""
    from simile.documents import LoadFailure, load

    ids: list[str] = []
    texts: list[str] = []
    for path in paths:
        for one in load(path, root=root):
            if isinstance(one, LoadFailure):
                print(f"simile: {one.path}: {one.reason}", file=sys.stderr)
            elif one.text.strip():
                ids.append(one.id)
                texts.append(one.text)
    if not texts:
        raise InputError(f"{root} has no readable text")
    return NamedTexts(ids, texts)


def _files(root: Path) -> Iterator[Path]:
    from simile.documents import Folder

    return Folder(root).files()
