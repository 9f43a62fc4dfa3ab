"""Validate the types of documents that programs pass in, before anything reads them."""

from collections.abc import Callable, Collection, Mapping, Sequence

from simile.types import Document


def why_not_storable(document: Document) -> str | None:
    """Describe the first field of the wrong type; return None if all are valid."""
    for name, fits, expected in _FIELDS:
        value = getattr(document, name)
        if not fits(value):
            return f"{name} is {ascii(value)[:200]}; expected {expected}"
    return None


def _is_list_of_text(value: object) -> bool:
    """Return whether it is a collection; an iterator would be empty once the list is written."""
    return (
        isinstance(value, Collection)
        and not isinstance(value, str | bytes | Mapping)
        and all(isinstance(part, str) for part in value)
    )


def _is_metadata(value: object) -> bool:
    return isinstance(value, Mapping) and all(
        isinstance(name, str) and (known is None or isinstance(known, str | int | float))
        for name, known in value.items()
    )


def _are_offsets(value: object) -> bool:
    return isinstance(value, Sequence) and all(type(part) is int and part >= 0 for part in value)


_FIELDS: tuple[tuple[str, Callable[[object], bool], str], ...] = (
    ("id", lambda value: isinstance(value, str), "a string"),
    ("text", lambda value: isinstance(value, str), "a string"),
    ("title", lambda value: value is None or isinstance(value, str), "a string or None"),
    ("acl", _is_list_of_text, "a list of principals such as ['user:alice'], or ['public']"),
    ("metadata", _is_metadata, "names with strings, numbers, True, False or None"),
    ("pages", _are_offsets, "a list of offsets in the text"),
)
