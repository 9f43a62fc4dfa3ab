"""Convert fields of rows and front matter to a Document's title and metadata."""

import json
from collections.abc import Mapping
from datetime import date

from simile.documents.access import require_no_access
from simile.errors import InputError
from simile.types import MetadataValue

_MAX_BITS = 10_000
"""Of a whole number; Python writes about 14,000 bits as digits, and no more."""


def metadata_of(values: Mapping[str, object]) -> dict[str, MetadataValue]:
    """Convert values to metadata: dates to ISO 8601, lists and objects to JSON text.

    Raises InputError for what looks like an access list, which would protect nothing.
    """
    require_no_access(values)
    return {str(name): _plain(value) for name, value in values.items()}


def title_of(value: object) -> str | None:
    """Return the title, or None if it is blank."""
    text = "" if value is None or isinstance(value, (dict, list)) else str(value).strip()
    return text or None


def _plain(value: object) -> MetadataValue:
    if isinstance(value, int) and value.bit_length() > _MAX_BITS:
        raise InputError("a field is a number of thousands of digits; put quotes around it")
    if value is None or isinstance(value, str | int | float | bool):
        return value
    if isinstance(value, date):  # or a datetime, its subclass
        return value.isoformat()
    try:
        return json.dumps(_with_text_keys(value), ensure_ascii=False, default=str)
    except RecursionError as exc:
        raise InputError("a field is nested too deeply; expected a few levels") from exc


def _with_text_keys(value: object) -> object:
    if isinstance(value, dict):
        return {str(name): _with_text_keys(part) for name, part in value.items()}
    return [_with_text_keys(part) for part in value] if isinstance(value, list) else value
