"""Read the text and JSON files of a model's folder, and say which is damaged."""

import json
from pathlib import Path
from typing import Any

from simile.errors import CheckpointError


def find_text(path: Path) -> str | None:
    """Read a text file, or None if there is none. Raises CheckpointError if it is damaged."""
    try:
        return path.read_text(encoding="utf-8") if path.is_file() else None
    except (UnicodeDecodeError, OSError) as exc:
        raise CheckpointError(f"{path} is not readable: {exc}") from exc


def find_json(path: Path) -> Any:
    """Read a JSON file, or None if there is none. Raises CheckpointError if it is damaged."""
    text = find_text(path)
    try:
        return None if text is None else json.loads(text)
    except json.JSONDecodeError as exc:
        raise CheckpointError(f"{path} is not readable JSON: {exc}") from exc
