"""Head files: a small JSON header with a checksum and a binary tail, replaced atomically.

A head names the data files of a generation. It is written last, so a crash leaves either the old
head and data or the new ones. Readers open, read and close it.
"""

import json
import os
import time
import zlib
from pathlib import Path
from typing import Any

from simile.bounded import read_file
from simile.errors import StoreError

_MAGIC = b"simile1 "
_RETRIES = 50
_MAX_BYTES = 2**30


def write_head(path: Path, fields: dict[str, Any], tail: bytes = b"") -> None:
    """Replace the head and sync it to disk."""
    body = json.dumps(fields, sort_keys=True).encode() + b"\n" + tail
    aside = path.with_name(f"{path.name}.{os.urandom(8).hex()}")
    with aside.open("xb") as file:
        file.write(_MAGIC + b"%08x\n" % zlib.crc32(body) + body)
        file.flush()
        os.fsync(file.fileno())
    for attempt in range(_RETRIES):
        try:
            aside.replace(path)
            break
        except PermissionError:  # Windows, while a reader has it open
            if attempt == _RETRIES - 1:
                raise
            time.sleep(0.02)
    sync_folder(path.parent)


def read_head(path: Path) -> tuple[dict[str, Any], bytes] | None:
    """Return the fields and the tail; None if the head is missing or damaged."""
    try:
        content = read_file(path, max_bytes=_MAX_BYTES, error=StoreError, follow=False)
        first, _, body = content.partition(b"\n")
        if first != _MAGIC + b"%08x" % zlib.crc32(body):
            return None
        line, _, tail = body.partition(b"\n")
        fields = json.loads(line)
    except (OSError, ValueError, RecursionError, StoreError):
        return None
    return (fields, tail) if isinstance(fields, dict) else None


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable, where the platform supports it."""
    if os.name != "nt":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
