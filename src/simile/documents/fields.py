"""Fields of a row or of front matter to those of a Document: title, access list, metadata."""

import json
from collections.abc import Mapping, Sequence
from datetime import date

from simile.errors import InputError
from simile.types import MetadataValue


def acl_of(value: object, default: Sequence[str]) -> tuple[str, ...]:
    """Principals from a list, or from text with commas; the default if there is no value.

    InputError for anything else, and for an empty list: who may read a document is not guessed.
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
    """Values as metadata holds them: dates in ISO 8601, lists and objects as JSON text.

    InputError for a field that is an access list in the wrong place or spelling: it would publish.
    """
    for name in values:
        if str(name).strip().casefold() == "acl":
            raise InputError(
                f"{str(name)!r} among the metadata would protect nothing; an access list is "
                "written acl, in small letters, beside title and text"
            )
    return {str(name): _plain(value) for name, value in values.items()}


def title_of(value: object) -> str | None:
    """The title, or None if there is no text in it."""
    text = "" if value is None or isinstance(value, (dict, list)) else str(value).strip()
    return text or None


def _plain(value: object) -> MetadataValue:
    if value is None or isinstance(value, str | int | float | bool):
        return value
    if isinstance(value, date):  # datetime is one, too
        return value.isoformat()
    return json.dumps(value, ensure_ascii=False, default=str)
