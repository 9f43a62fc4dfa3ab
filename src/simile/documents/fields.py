"""Convert fields of rows and front matter to a Document's title, access list and metadata."""

import json
from collections.abc import Mapping, Sequence
from datetime import date

from simile.errors import InputError
from simile.types import MetadataValue


def acl_of(value: object, default: Sequence[str]) -> tuple[str, ...]:
    """Return principals from a list or comma-separated text; the default if there is no value.

    Raises InputError for anything else, and for an empty list: access is never guessed.
    """
    if value is None:
        return tuple(default)
    parts = value.split(",") if isinstance(value, str) else value
    if not isinstance(parts, list) or not all(isinstance(part, str) for part in parts):
        raise InputError(f"acl is {value!r}; expected a list of principals such as user:alice")
    principals = tuple(part.strip() for part in parts if part.strip())
    if not principals:
        raise InputError("acl is empty; expected principals such as user:alice, or public")
    return principals


def metadata_of(values: Mapping[str, object]) -> dict[str, MetadataValue]:
    """Convert values to metadata: dates to ISO 8601, lists and objects to JSON text.

    Raises InputError for a misplaced or misspelled access list, which would protect nothing.
    """
    for name in values:
        if str(name).strip().casefold() == "acl":
            raise InputError(
                f"{str(name)!r} in the metadata would protect nothing; write the access list as "
                "acl, in lower case, next to title and text"
            )
    return {str(name): _plain(value) for name, value in values.items()}


def title_of(value: object) -> str | None:
    """Return the title, or None if it is blank."""
    text = "" if value is None or isinstance(value, (dict, list)) else str(value).strip()
    return text or None


def _plain(value: object) -> MetadataValue:
    if value is None or isinstance(value, str | int | float | bool):
        return value
    if isinstance(value, date):  # or a datetime, its subclass
        return value.isoformat()
    return json.dumps(value, ensure_ascii=False, default=str)
