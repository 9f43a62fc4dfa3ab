"""Turn a decoded JSON object into the fields a route knows, as Go fills a struct.

Names match in any case, null counts as absent, unknown fields are ignored, a wrong type is rejected
in Go's words. Knows no route. Source: Go's encoding/json, decode.go (read 2026-11).
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeGuard

from simile.server.errors import BodyError

ANY = "interface {}"
STRING = "string"
BOOL = "bool"
INT = "int"
MAP = "map[string]interface {}"

Kind = str | Callable[[object], object]
"""A Go type above, or a function that converts the value and raises for itself."""

_PYTHON: dict[str, type] = {STRING: str, BOOL: bool, INT: int, MAP: dict}
_INT64 = range(-(2**63), 2**63)
_GO_VALUES = {str: "string", bool: "bool", int: "number", float: "number"} | {
    list: "array",
    dict: "object",
}


def read_fields(value: object, struct: str, kinds: Mapping[str, Kind]) -> dict[str, Any]:
    """Pick the fields named in `kinds`; struct is Go's name, such as `api.EmbedRequest`.

    Raises BodyError for the first value of a wrong type, in the order of the body.
    """
    if value is None:
        return {}
    if type(value) is not dict:
        raise BodyError(f"json: cannot unmarshal {go_value(value)} into Go value of type {struct}")
    fields: dict[str, Any] = {}
    wrong = ""
    for name, item in value.items():
        known = name if name in kinds else name.casefold()
        kind = kinds.get(known)
        if kind is None or item is None:
            continue
        if callable(kind):
            fields[known] = kind(item)
        elif kind is ANY or _fits(item, kind):
            fields[known] = item
        elif kind is INT and is_whole(item) and abs(item) < 2**63:
            fields[known] = int(item)
        else:
            # Go reads on after a wrong type, and a converter's own error wins over it.
            wrong = wrong or _mismatch(item, kind, f"{struct.partition('.')[2]}.{known}")
    if wrong:
        raise BodyError(wrong)
    return fields


def go_value(value: object) -> str:
    """Name a decoded value as Go's errors do: string, bool, number, array or object."""
    return _GO_VALUES[type(value)]


def is_whole(value: object) -> TypeGuard[float]:
    """Whether this is a float such as 3.0: Go refuses it, to JSON Schema it is an integer."""
    return type(value) is float and value.is_integer()


def _fits(item: object, kind: str) -> bool:
    return type(item) is _PYTHON[kind] and (kind is not INT or item in _INT64)


def _mismatch(item: object, kind: str, field: str) -> str:
    value = go_value(item)
    if kind is INT and value == "number":
        value = f"number {item}"
    return f"json: cannot unmarshal {value} into Go struct field {field} of type {kind}"
