"""Read files as text, within limits.

Decodes UTF-8, or the encoding of a byte order mark (Unicode 16, section 23.8); invalid bytes become
U+FFFD, so that one broken byte never costs a document.
"""

import codecs
from dataclasses import dataclass
from pathlib import Path

from simile.bounded import open_file
from simile.errors import InputError
from simile.types import Document

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_HEAD = 8_192
"""Bytes inspected to tell text from binary, as in git."""


@dataclass(frozen=True)
class FileLimits:
    """Resource limits per file; exceeding one is a reported failure."""

    max_bytes: int = 64 * 2**20
    """Size of a file read as one text; tables of documents (CSV, NDJSON) are streamed and may have
    any size. 64 MiB is 50 long novels; in memory, a quarter of a gigabyte if it has one emoji."""
    max_row_bytes: int = 16 * 2**20
    """Size of one line of NDJSON, or one field of CSV."""
    child_seconds: float = 60.0
    """Time limit of a reader process for one file, or for the next rows of a table; a small file
    has less: 10 s, and 1 s for each 100 kB."""
    child_bytes: int = 2**30
    """Memory limit of that process (address space; not enforced on Windows and macOS)."""


DEFAULT_LIMITS = FileLimits()


@dataclass(frozen=True)
class LoadFailure:
    """A file, or a row of it, that could not be read."""

    path: str
    """The id that its document would have."""
    reason: str
    is_closed: bool = False
    """Whether it said who may read, or may have, but not so that it can be obeyed."""


Loaded = Document | LoadFailure


def encoding_of(head: bytes) -> str:
    """Return the encoding of a byte order mark; UTF-8 without one."""
    return next((name for mark, name in _MARKS if head.startswith(mark)), "utf-8")


def decode(data: bytes) -> str:
    """Decode bytes, without a byte order mark; line ends are preserved."""
    return data.decode(encoding_of(data), errors="replace")


def is_binary(path: Path) -> bool:
    """Return whether the file's first bytes include a NUL, without a UTF-16 or UTF-32 mark."""
    with open_file(path, error=InputError) as file:
        return looks_binary(file.read(_HEAD))


def looks_binary(data: bytes) -> bool:
    """Return whether the first bytes include a NUL, without a UTF-16 or UTF-32 mark."""
    return encoding_of(data) == "utf-8" and b"\0" in data[:_HEAD]


def read_bytes(path: Path, limits: FileLimits) -> bytes:
    """Return the file's bytes. Raises InputError if they exceed the limit. Blocks."""
    with open_file(path, error=InputError) as file:
        data = file.read(limits.max_bytes + 1)
    if len(data) > limits.max_bytes:
        raise InputError(too_large(path.stat().st_size, limits))
    return data


def read_text(path: Path, limits: FileLimits) -> str:
    """Return the file's text. Raises InputError if it is binary or exceeds the limit. Blocks."""
    if is_binary(path):
        raise InputError("a binary file; expected text")
    return decode(read_bytes(path, limits))


def too_large(size_bytes: int, limits: FileLimits) -> str:
    """Return the message for a file that exceeds the limit."""
    return (
        f"{size_bytes / 2**20:,.1f} MiB is more than the limit of "
        f"{limits.max_bytes / 2**20:,.0f} MiB for one text (FileLimits.max_bytes): split it"
    )
