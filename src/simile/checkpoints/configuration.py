"""Read the keys of a config.json one by one, and reject unexpected values with clear messages.

Knows JSON values; knows no architecture.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from simile.errors import CheckpointError, UnsupportedModelError

_MOST_SIZE = 2**40
_MOST = 1e30


@dataclass(frozen=True)
class Configuration:
    """The values of one config.json, and its name for error messages."""

    values: Mapping[str, Any]
    where: str = "config.json"

    def size(self, name: str, default: int | None = None) -> int:
        """Read a positive integer. Raises CheckpointError for anything else."""
        value = self._value(name, default)
        if type(value) is not int or not 1 <= value <= _MOST_SIZE:
            raise self._wrong(name, value, "a positive integer")
        return value

    def count(self, name: str, default: int | None = None) -> int:
        """Read an integer of 0 or more. Raises CheckpointError for anything else."""
        value = self._value(name, default)
        if type(value) is not int or not 0 <= value <= _MOST_SIZE:
            raise self._wrong(name, value, "an integer from 0 up")
        return value

    def number(self, name: str, default: float | None = None) -> float:
        """Read a number. Raises CheckpointError for another value or a missing one."""
        value = self._value(name, default)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self._wrong(name, value, "a number")
        if not abs(value) <= _MOST:  # false for NaN
            raise self._wrong(name, value, "a finite number")
        return float(value)

    def epsilon(self, name: str, default: float | None = None) -> float:
        """Read what a norm adds under its root. Raises CheckpointError unless 0 to 1."""
        value = self.number(name, default)
        if not 0 <= value <= 1:
            raise self._wrong(name, value, "a number from 0 to 1, such as 1e-12")
        return value

    def text(self, name: str, default: str | None = None) -> str:
        """Read a string. Raises CheckpointError for another value or a missing one."""
        value = self._value(name, default)
        if not isinstance(value, str):
            raise self._wrong(name, value, "a string")
        return value

    def table(self, name: str) -> Mapping[str, Any]:
        """Read an object, empty if it is absent. Raises CheckpointError for anything else."""
        value = self._value(name, {})
        if not isinstance(value, dict):
            raise self._wrong(name, value, "an object")
        return value

    def flag(self, name: str, default: bool) -> bool:
        """Read true or false. Raises CheckpointError for anything else."""
        value = self._value(name, default)
        if not isinstance(value, bool):
            raise self._wrong(name, value, "true or false")
        return value

    def only(self, name: str, allowed: Sequence[object]) -> None:
        """Raise UnsupportedModelError if the key is there with a value that is not allowed."""
        value = self.values.get(name)
        if value is not None and value not in allowed:
            expected = " or ".join(map(repr, allowed))
            raise UnsupportedModelError(
                f"{self.where}: {name} {value!r} is not built here; expected {expected}"
            )

    def _value(self, name: str, default: object) -> Any:
        value = self.values.get(name)
        return default if value is None else value

    def _wrong(self, name: str, value: object, expected: str) -> CheckpointError:
        return CheckpointError(f"{self.where}: {name} is {ascii(value)[:80]}; expected {expected}")
