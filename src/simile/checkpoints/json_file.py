"""Read the text and JSON files of a model's folder, and say which is damaged."""

from pathlib import Path
from typing import Any

from simile.bounded import parse_json, read_file
from simile.errors import CheckpointError

_MAX_BYTES = 32 * 2**20
"""Of a configuration; those of real models have up to one megabyte."""


def find_text(path: Path) -> str | None:
    """Read a text file, or None if there is none. Raises CheckpointError if it is damaged."""
    if not path.is_file():
        return None
    try:
        return read_file(path, max_bytes=_MAX_BYTES, error=CheckpointError).decode()
    except UnicodeDecodeError as exc:
        raise CheckpointError(f"{path} is not readable: {exc}") from exc


def find_json(path: Path) -> Any:
    """Read a JSON file, or None if there is none. Raises CheckpointError if it is damaged."""
    text = find_text(path)
    if text is None:
        return None
    return parse_json(text, what=f"{path} is not readable:", error=CheckpointError)
