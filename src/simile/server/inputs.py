"""Read the fields that several protocols share: texts or token ids, roles, the side to cut.

Pure; does not know routes.
"""

from collections.abc import Sequence
from typing import Any

from simile.server.errors import BodyError, BodyTooLargeError
from simile.server.gojson.fields import go_value, is_whole
from simile.types import ROLES, Role

MAX_INPUTS = 32_768
"""Texts of one request, or arrays of token ids."""
_EXPECTED = " or ".join(f'"{role}"' for role in ROLES)


def read_input_type(value: object) -> Role | None:
    """Read `input_type`, which both protocols take: a role or nothing."""
    if value is None or (isinstance(value, str) and value in ROLES):
        return value
    shown = repr(value[:40]) if isinstance(value, str) else go_value(value)
    raise BodyError(f"invalid input_type {shown}: expected {_EXPECTED}")


def read_inputs(value: Any) -> tuple[Sequence[str], Sequence[Sequence[int]]]:
    """Read `input` as texts or as arrays of token ids."""
    if isinstance(value, str):
        return (value,), ()
    kinds = set(map(type, value)) if isinstance(value, list) else set()
    if kinds == {str}:
        return value, ()
    if kinds == {int}:
        return (), (value,)
    if kinds == {list}:
        return (), [_ids(ids) for ids in value]
    return (), (_ids(value),)


def _ids(value: Any) -> list[int]:
    """Read an array of token ids, which is not empty."""
    if isinstance(value, list) and set(map(type, value)) == {int}:
        return value
    if (
        value
        and isinstance(value, list)
        and all(type(number) is int or is_whole(number) for number in value)
    ):
        return [int(number) for number in value]
    raise BodyError("invalid input type")


def check_count(count: int, field: str) -> None:
    """Raise BodyTooLargeError for more inputs than one request may have."""
    if count > MAX_INPUTS:
        raise BodyTooLargeError(f"{field} has {count:,} items; expected at most {MAX_INPUTS:,}")


def right_alone(value: object) -> None:
    """Refuse to cut from the left; the engine cuts the end of a text."""
    if value not in ("right", "Right"):
        raise BodyError('truncation_direction: expected "right", where alone texts are cut')
