"""Read standard input, and files of lines, without holding more than a text may have."""

import sys
from collections.abc import Iterator
from typing import BinaryIO

from simile.errors import InputError

MAX_TEXT_BYTES = 64 * 2**20
"""Of one line, and of what is read whole; as for the texts of an index."""


def read_whole() -> bytes:
    """Read all of stdin. Raises InputError if it does not end within MAX_TEXT_BYTES."""
    data = sys.stdin.buffer.read(MAX_TEXT_BYTES + 1)
    if len(data) > MAX_TEXT_BYTES:
        raise InputError(f"stdin has more than {MAX_TEXT_BYTES:,} bytes, the most that are read")
    return data


def read_argument(text: str) -> str:
    """Return an argument, or all of stdin if it is `-`."""
    return read_whole().decode("utf-8", "replace") if text == "-" else text


def lines_of(file: BinaryIO) -> Iterator[str]:
    """Yield the lines, empty ones too, without their ends, as they come.

    Raises InputError for a line of more than MAX_TEXT_BYTES.
    """
    number = 0
    while line := file.readline(MAX_TEXT_BYTES + 1):
        number += 1
        if len(line) > MAX_TEXT_BYTES:
            raise InputError(
                f"line {number:,} has more than {MAX_TEXT_BYTES:,} bytes, the most that are read"
            )
        yield line.removesuffix(b"\n").removesuffix(b"\r").decode("utf-8", "replace")
