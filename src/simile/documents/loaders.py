"""Read files into documents, by suffix. An unreadable file yields a record, not an exception.

Knows which loader reads which files; loaders import their libraries for the first such file.
Access lists come only from the file itself or from the caller.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from simile.bounded import open_file
from simile.documents.access import AccessListError, acl_of
from simile.documents.docx import read_docx
from simile.documents.fields import metadata_of, title_of
from simile.documents.front_matter import require_no_list_above, split_front_matter
from simile.documents.html import read_html
from simile.documents.pdf import read_pdf
from simile.documents.reading import (
    DEFAULT_LIMITS,
    FileLimits,
    Loaded,
    LoadFailure,
    decode,
    looks_binary,
    read_bytes,
    read_text,
    too_large,
)
from simile.documents.rows import csv_rows, document_of, json_rows, ndjson_rows
from simile.documents.suffixes import CODE, CSV, DOCX, HTML, JSON, MARKDOWN, NDJSON, PDF
from simile.errors import InputError, MissingExtraError
from simile.types import Document

PUBLIC = ("public",)


_Reader = Callable[[Path, str, Sequence[str], FileLimits], Document]
_Rows = Iterator[tuple[str, object]]


def load(
    path: Path,
    *,
    acl: Sequence[str] = PUBLIC,
    root: Path | None = None,
    limits: FileLimits = DEFAULT_LIMITS,
) -> Iterator[Loaded]:
    """Yield the documents of one file, lazily; a LoadFailure for each unreadable part.

    A document's id is its path relative to `root` (or as given), with `/`; rows add `#row 2`,
    unless they have an id. `acl` is the default access list. Blocks while reading.
    """
    name = document_id(path, root)
    if _is_parsed(path):
        from simile.documents.reader_pool import read_apart

        yield from read_apart(path, name, acl, limits)
    else:
        yield from load_here(path, name, acl, limits)


def load_here(path: Path, name: str, acl: Sequence[str], limits: FileLimits) -> Iterator[Loaded]:
    """Read a file in this process, which a parser may hang, crash or fill."""
    try:
        yield from _load(path, name, acl, limits)
    except AccessListError as exc:
        yield LoadFailure(name, str(exc), is_closed=True)
    except (InputError, MissingExtraError) as exc:
        yield LoadFailure(name, str(exc))
    except OSError as exc:
        yield LoadFailure(name, exc.strerror or str(exc))
    except MemoryError:
        yield LoadFailure(name, "out of memory")
    except Exception as exc:  # whatever a parser raises; its words say more than ours could
        said = " ".join(str(exc).split())[:200]
        yield LoadFailure(name, f"its reader failed: {type(exc).__name__}: {said}")


def _is_parsed(path: Path) -> bool:
    """Return whether a parser reads the file; the only one for Markdown is that of front matter."""
    suffix = path.suffix.lower()
    if suffix not in MARKDOWN:
        return suffix in _PARSED and path.is_file()
    try:
        with open_file(path, error=InputError) as file:
            return file.read(8).lstrip(_MARKS_AND_BLANKS)[:3] in (b"---", b"+++")
    except (OSError, InputError):
        return False  # the reader says why


def load_stream(
    stream: BinaryIO,
    *,
    name: str = "-",
    acl: Sequence[str] = PUBLIC,
    limits: FileLimits = DEFAULT_LIMITS,
) -> Iterator[Loaded]:
    """Read text from a stream, such as stdin, as one document. Blocks until the stream ends."""
    data = stream.read(limits.max_bytes + 1)
    if len(data) > limits.max_bytes:
        yield LoadFailure(name, too_large(len(data), limits))
    elif looks_binary(data):
        yield LoadFailure(name, "binary data; expected text")
    else:
        yield Document(name, decode(data), acl=tuple(acl))


def document_id(path: Path, root: Path | None = None) -> str:
    """Return the path relative to the root, with `/`; invalid UTF-8 becomes backslash escapes."""
    shown = path
    if root is not None and path.is_relative_to(root) and path != root:
        shown = path.relative_to(root)
    return os.fsencode(shown.as_posix()).decode("utf-8", errors="backslashreplace")


def _load(path: Path, name: str, acl: Sequence[str], limits: FileLimits) -> Iterator[Loaded]:
    if not path.is_file():
        raise InputError("not a file" if path.exists() else "no such file")
    suffix = path.suffix.lower()
    rows = _rows(path, suffix, limits)
    if rows is None:
        yield _READERS.get(suffix, _read_plain)(path, name, acl, limits)
        return
    for row_name, row in rows:
        try:
            yield _row_document(row, f"{name}#{row_name}", acl)
        except InputError as exc:
            closed = isinstance(exc, AccessListError)
            yield LoadFailure(f"{name}#{row_name}", str(exc), is_closed=closed)


def _rows(path: Path, suffix: str, limits: FileLimits) -> _Rows | None:
    if suffix in CSV:
        return csv_rows(path, limits)
    if suffix in NDJSON:
        return ndjson_rows(path, limits)
    if suffix in JSON:
        return json_rows(read_bytes(path, limits))
    return None


def _row_document(row: object, name: str, acl: Sequence[str]) -> Document:
    if isinstance(row, InputError):
        raise row
    if not isinstance(row, dict):
        raise InputError(f"{type(row).__name__}; expected an object with a text")
    return document_of(row, name, acl)


def _read_plain(path: Path, name: str, acl: Sequence[str], limits: FileLimits) -> Document:
    text = read_text(path, limits)
    if path.suffix.lower() not in CODE:
        require_no_list_above(text)
    return Document(name, text, acl=tuple(acl))


def _read_markdown(path: Path, name: str, acl: Sequence[str], limits: FileLimits) -> Document:
    fields, text = split_front_matter(read_text(path, limits))
    metadata = fields.get("metadata")
    return Document(
        id=name,
        text=text,
        title=title_of(fields.get("title")),
        metadata=metadata_of(metadata if isinstance(metadata, dict) else {}),
        acl=acl_of(fields, acl),
    )


_PARSED = HTML | PDF | DOCX | CSV | NDJSON | JSON
"""Formats that are parsed, and so read by a process of their own. Text is only decoded."""
_MARKS_AND_BLANKS = b"\xef\xbb\xbf\xff\xfe\0"
_READERS: dict[str, _Reader] = {
    **dict.fromkeys(MARKDOWN, _read_markdown),
    **dict.fromkeys(HTML, read_html),
    **dict.fromkeys(PDF, read_pdf),
    **dict.fromkeys(DOCX, read_docx),
}
