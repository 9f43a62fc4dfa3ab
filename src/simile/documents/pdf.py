"""Read PDF files: the text of their pages, with the offset of each.

pypdfium2, since it is Chrome's parser (BSD-3-Clause, Apache-2.0) and survives broken files. Like
all parsers it runs in a reader process, so a malicious file may hang or crash it.
"""

import re
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any

from simile.documents.fields import title_of
from simile.documents.reading import FileLimits, read_bytes
from simile.errors import InputError
from simile.extras import optional
from simile.types import Document

_BETWEEN = "\n\n"
"""Separator of two pages: a blank line, as between paragraphs."""
_SOFT_HYPHEN = re.compile("[\ufffe\x02]\r?\n?")
"""PDFium's mark for a hyphen from a line break: the word is joined again."""


def read_pdf(path: Path, name: str, acl: Sequence[str], limits: FileLimits) -> Document:
    """Read the text of a PDF. Blocks.

    Raises InputError if it is encrypted, broken, without text, or exceeds a limit.
    """
    library = optional("pypdfium2", extra="pdf")
    try:
        document = library.PdfDocument(read_bytes(path, limits))
        pages = _pages(document, limits.max_bytes)
    except (RuntimeError, ValueError) as exc:
        raise InputError(str(exc)) from exc
    if not any(page.strip() for page in pages):
        raise InputError(f"no text on its {len(pages)} pages; run OCR on scanned files first")
    starts = [0, *accumulate(len(page) + len(_BETWEEN) for page in pages[:-1])]
    try:
        title = title_of(document.get_metadata_value("Title"))
    except (RuntimeError, ValueError):  # bytes that are no text: the pages are read all the same
        title = None
    return Document(name, _BETWEEN.join(pages), title, {}, tuple(acl), tuple(starts))


def _pages(document: Any, max_chars: int) -> list[str]:
    pages = []
    room = max_chars
    for number in range(len(document)):
        page = document[number]
        words = page.get_textpage()
        text = _SOFT_HYPHEN.sub("", words.get_text_range()).replace("\r\n", "\n")
        words.close()
        page.close()
        room -= len(text)
        if room < 0:
            raise ValueError(f"its text is longer than {max_chars:,} characters")
        pages.append(text.replace("\0", ""))
    return pages
