"""Read files, JSON and TOML that somebody else wrote, within limits of size, nesting and digits.

Whatever is believed about a model, a key or a setting is read here. The caller names what it reads
and which error a fault becomes; no message repeats what stands in the file.
"""

import json
import os
import re
import stat
import tomllib
from pathlib import Path
from typing import Any, BinaryIO

from simile.errors import SimileError

_PLACE = re.compile(r"\(at [^()]*\)|line \d+ column \d+")


def read_file(path: Path, *, max_bytes: int, error: type[SimileError]) -> bytes:
    """Read a regular file of at most `max_bytes`; never waits for a FIFO or a device.

    Raises `error` for anything else, and if the file cannot be read.
    """
    try:
        with open_file(path, error=error) as file:
            data = file.read(max_bytes + 1)
    except (OSError, ValueError) as exc:
        raise error(f"{path} cannot be read: {getattr(exc, 'strerror', None) or exc}") from exc
    if len(data) > max_bytes:
        raise error(f"{path} has more than {max_bytes:,} bytes, the most that are read of it")
    return data


def open_file(path: Path, *, error: type[SimileError]) -> BinaryIO:
    """Open a regular file for reading; never waits for a FIFO or a device.

    Raises `error` for anything else, and OSError if it cannot be opened.
    """
    descriptor = os.open(path, os.O_RDONLY | _NO_WAIT)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise error(f"{path} is not a regular file")
    return os.fdopen(descriptor, "rb")


_NO_WAIT = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)


def parse_json(data: bytes | str, *, what: str, error: type[SimileError]) -> Any:
    """Parse JSON, NaN and Infinity included. Raises `error` for anything else."""
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as exc:
        raise error(f"{what} is not JSON: {_why(exc)}") from exc


def parse_toml(data: bytes, *, what: str, error: type[SimileError]) -> dict[str, Any]:
    """Parse TOML. Raises `error` for anything else."""
    try:
        return tomllib.loads(data.decode())
    except (ValueError, RecursionError) as exc:
        raise error(f"{what} is not TOML: {_why(exc)}") from None


def _why(exc: Exception) -> str:
    if isinstance(exc, RecursionError):
        return "it is nested too deeply"
    if isinstance(exc, UnicodeDecodeError):
        return "it is not UTF-8"
    place = _PLACE.search(str(exc))
    return f"invalid {place[0].strip('()')}" if place else "it holds an invalid value"
