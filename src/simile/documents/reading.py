"""Bytes of a file to text, within limits.

UTF-8, or what a byte order mark says (Unicode 16, section 23.8); what cannot be decoded becomes
U+FFFD, so that one broken byte never costs a document.
"""

import codecs
from dataclasses import dataclass
from pathlib import Path

from simile.errors import InputError

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # Before UTF-16, whose mark it begins with.
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_HEAD = 8_192
"""Bytes looked at to tell text from binary, as git does."""


@dataclass(frozen=True)
class FileLimits:
    """How much one file may cost; what asks for more is a failure that says so."""

    max_bytes: int = 64 * 2**20
    """Of a file read as one text; tables of documents (CSV, NDJSON) are streamed, and may be any
    size. 64 MiB is 50 long novels, and a quarter of a gigabyte once it holds one emoji."""
    max_row_bytes: int = 16 * 2**20
    """Of one line of NDJSON, or one field of CSV."""
    child_seconds: float = 60.0
    """For the child process that reads a PDF."""
    child_bytes: int = 2**30
    """Of memory for that child (address space; not enforced on Windows)."""


DEFAULT_LIMITS = FileLimits()


def encoding_of(head: bytes) -> str:
    """The encoding that a byte order mark names; UTF-8 without one."""
    return next((name for mark, name in _MARKS if head.startswith(mark)), "utf-8")


def decode(data: bytes) -> str:
    """Text of the bytes without their byte order mark; line ends stay as they are."""
    return data.decode(encoding_of(data), errors="replace")


def is_binary(path: Path) -> bool:
    """Whether the file has a NUL among its first bytes, and no mark of UTF-16 or UTF-32."""
    with path.open("rb") as file:
        return looks_binary(file.read(_HEAD))


def looks_binary(data: bytes) -> bool:
    """Whether there is a NUL near the beginning, and no mark of UTF-16 or UTF-32."""
    return encoding_of(data) == "utf-8" and b"\0" in data[:_HEAD]


def read_bytes(path: Path, limits: FileLimits) -> bytes:
    """The file's bytes; InputError if there are more than the limit. Blocks."""
    with path.open("rb") as file:
        data = file.read(limits.max_bytes + 1)
    if len(data) > limits.max_bytes:
        raise InputError(too_large(path.stat().st_size, limits))
    return data


def read_text(path: Path, limits: FileLimits) -> str:
    """The file's text; InputError if it is binary or larger than the limit. Blocks."""
    if is_binary(path):
        raise InputError("a binary file; expected text")
    return decode(read_bytes(path, limits))


def too_large(size_bytes: int, limits: FileLimits) -> str:
    """The sentence for a file beyond the limit."""
    return (
        f"{size_bytes / 2**20:,.1f} MiB is more than the limit of "
        f"{limits.max_bytes / 2**20:,.0f} MiB for one text (FileLimits.max_bytes): split it"
    )
