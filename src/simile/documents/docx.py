"""Read DOCX files: paragraphs, headings and tables, in Markdown notation.

Headings become `## …` and table rows `| a | b |`, so that the chunker recognizes them.
"""

import re
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

from simile.documents.access import require_no_access
from simile.documents.fields import title_of
from simile.documents.reading import FileLimits, read_bytes, too_large
from simile.errors import InputError
from simile.extras import optional
from simile.types import Document

_PROPERTY = re.compile(rb'\bname="([^"]{1,200})"')
"""A property that somebody gave the file; simile reads none of them."""
_HEADING_STYLE = re.compile(r"heading (\d)", re.I)

_BROKEN = (
    *(zipfile.BadZipFile, zlib.error, EOFError, RuntimeError),  # RuntimeError: encrypted
    *(KeyError, ValueError, AttributeError, IndexError, TypeError, SyntaxError),
)
"""Exceptions that python-docx raises for damaged files; lxml's errors are SyntaxErrors."""


def read_docx(path: Path, name: str, acl: Sequence[str], limits: FileLimits) -> Document:
    """Read a Word file. Raises InputError if it is invalid, encrypted, or unpacks to too much."""
    library = optional("docx", extra="docx")
    data = read_bytes(path, limits)
    _check_size(data, limits)
    try:
        document = library.Document(BytesIO(data))
        text = "\n\n".join(part for part in _parts(document) if part.strip())
    except _BROKEN as exc:
        raise InputError(f"not a Word file: {exc}") from exc
    try:
        title = title_of(document.core_properties.title)
    except _BROKEN:  # the text is read all the same
        title = None
    return Document(name, text, title, {}, tuple(acl))


def _check_size(data: bytes, limits: FileLimits) -> None:
    """Reject zip bombs by declared size: zipfile reads no more of a member than it declares."""
    try:
        with zipfile.ZipFile(BytesIO(data)) as archive:
            size = sum(member.file_size for member in archive.infolist())
            named = archive.NameToInfo.get("docProps/custom.xml")
            properties = archive.read(named) if named and size <= limits.max_bytes else b""
    except zipfile.BadZipFile as exc:
        raise InputError("not a Word file (no zip archive); is it encrypted?") from exc
    if size > limits.max_bytes:
        raise InputError(f"unpacked, {too_large(size, limits)}")
    names = [name.decode("utf-8", "replace") for name in _PROPERTY.findall(properties)]
    require_no_access(dict.fromkeys(names, ""))


def _parts(document: Any) -> Iterator[str]:
    for item in document.iter_inner_content():
        if hasattr(item, "rows"):
            yield "\n".join(_row(row) for row in item.rows)
            continue
        style = getattr(item.style, "name", None) or ""
        heading = _HEADING_STYLE.match(style)
        level = 1 if style == "Title" else int(heading[1]) if heading else 0
        text = item.text
        yield f"{'#' * min(level, 6)} {' '.join(text.split())}" if level and text.strip() else text


def _row(row: Any) -> str:
    """Return a row's own cells: those that python-docx repeats for a merge may be a million."""
    cells = ("".join(f"{part.text} " for part in cell.p_lst) for cell in row._tr.tc_lst)
    return "| " + " | ".join(" ".join(cell.split()) for cell in cells) + " |"
