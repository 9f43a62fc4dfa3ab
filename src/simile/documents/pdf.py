"""Read PDF files in a child process, with limits on time and memory.

A malicious PDF may hang, exhaust memory, or crash a parser in C; this affects only the child.
pypdfium2, since it is Chrome's parser (BSD-3-Clause, Apache-2.0) and survives broken files.
"""

import subprocess
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from itertools import accumulate
from pathlib import Path

import orjson

from simile.documents.fields import title_of
from simile.documents.reading import FileLimits, too_large
from simile.errors import InputError, MissingExtraError
from simile.types import Document

_CHILD = Path(__file__).with_name("pdf_child.py")
_BETWEEN = "\n\n"
"""Separator of two pages: a blank line, as between paragraphs."""
_REASON_STATUS = 3


def read_pdf(path: Path, name: str, acl: Sequence[str], limits: FileLimits) -> Document:
    """Read the text of a PDF, with the offset of each page. Blocks until the child is done.

    Raises InputError if it is encrypted, broken, without text, or exceeds a limit.
    """
    if path.stat().st_size > limits.max_bytes:
        raise InputError(too_large(path.stat().st_size, limits))
    if find_spec("pypdfium2") is None:
        raise MissingExtraError("pypdfium2 is needed for PDF: pip install 'simile[pdf]'")
    answer = run_child(_CHILD, path, limits)
    pages = [str(page) for page in answer["pages"]]
    if not any(page.strip() for page in pages):
        raise InputError(f"no text on its {len(pages)} pages; run OCR on scanned files first")
    starts = [0, *accumulate(len(page) + len(_BETWEEN) for page in pages[:-1])]
    text, title = _BETWEEN.join(pages), title_of(answer.get("title"))
    return Document(name, text, title, {}, tuple(acl), tuple(starts))


def run_child(program: Path, path: Path, limits: FileLimits) -> dict[str, list[object]]:
    """Return the child's output. Raises InputError if it fails or exceeds its time limit."""
    # -P: keep the program's folder from shadowing the standard library on sys.path.
    command = [sys.executable, "-P", str(program), str(path.absolute())]
    command += [str(limits.child_bytes), str(limits.max_bytes)]
    try:
        done = subprocess.run(
            command, capture_output=True, stdin=subprocess.DEVNULL, timeout=limits.child_seconds
        )
    except subprocess.TimeoutExpired as exc:
        raise InputError(f"reading it took more than {limits.child_seconds:g} s") from exc
    if done.returncode == _REASON_STATUS:
        raise InputError(str(orjson.loads(done.stdout)["reason"]))
    if done.returncode:
        raise InputError(
            f"the parser ended with status {done.returncode}; it may have needed more than "
            f"{limits.child_bytes / 2**20:,.0f} MiB"
        )
    answer: dict[str, list[object]] = orjson.loads(done.stdout)
    return answer
