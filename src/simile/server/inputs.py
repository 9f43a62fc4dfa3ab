"""Read the fields that several protocols share: texts or token ids, roles, the side to cut.

Pure; does not know routes.
"""

from collections.abc import Sequence
from typing import Any

from simile.server.errors import BodyError, BodyTooLargeError
from simile.server.gojson.fields import is_whole
from simile.types import ROLES, Role

MAX_INPUTS = 65_536
"""Texts, or arrays of token ids, of one request."""
_EXPECTED = " or ".join(f'"{role}"' for role in ROLES)


def read_input_type(value: object) -> Role | None:
    """Read `input_type`, which both protocols take: a role or nothing."""
    if value is None or (isinstance(value, str) and value in ROLES):
        return value
    raise BodyError(f"invalid input_type {str(value)[:40]!r}: expected {_EXPECTED}")


def read_inputs(value: Any) -> tuple[Sequence[str], Sequence[Sequence[int]]]:
    """Read `input` as texts or as arrays of token ids."""
    if isinstance(value, str):
        return (value,), ()
    if isinstance(value, list) and len(value) > MAX_INPUTS and type(value[0]) is not int:
        raise BodyTooLargeError(f"{len(value):,} inputs; expected at most {MAX_INPUTS:,}")
    kinds = set(map(type, value)) if isinstance(value, list) else set()
    if kinds == {str}:
        return value, ()
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


def right_alone(value: object) -> None:
    """Refuse to cut from the left; the engine cuts the end of a text."""
    if value not in ("right", "Right"):
        raise BodyError('truncation_direction: expected "right", where alone texts are cut')
