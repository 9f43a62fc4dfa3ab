"""Read `simile.toml`: access lists and metadata for files that match a glob."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from simile.errors import ConfigError


@dataclass(frozen=True)
class DocumentRule:
    """A rule of a `simile.toml` for the files that match a glob."""

    match: str
    """Glob as in .gitignore, relative to the folder of the `simile.toml`."""
    acl: tuple[str, ...] = ()
    """Principals that may read them; empty if the rule sets none."""
    metadata: Mapping[str, str | int | float | bool] = field(default_factory=dict)


def read_rules(path: Path) -> tuple[DocumentRule, ...]:
    """Read the `[[documents]]` tables of a `simile.toml`. Raises ConfigError if invalid."""
    try:
        with path.open("rb") as file:
            tables = tomllib.load(file)
    except (OSError, ValueError) as exc:
        raise ConfigError(f"{path} cannot be read: {exc}") from exc
    rules = tables.pop("documents", [])
    if tables or not isinstance(rules, list):
        raise ConfigError(f"{path}: {', '.join(tables) or 'documents'}: expected [[documents]]")
    return tuple(_rule(rule, f"{path}, rule {place}") for place, rule in enumerate(rules, 1))


def _rule(table: object, where: str) -> DocumentRule:
    if not isinstance(table, dict) or not table.keys() <= {"match", "acl", "metadata"}:
        raise ConfigError(f"{where}: expected match, acl and metadata, and nothing else")
    match, acl, metadata = (table.get(key) for key in ("match", "acl", "metadata"))
    if not isinstance(match, str) or not match.strip():
        raise ConfigError(f"{where}: match is {match!r}; expected a glob such as 'hr/**'")
    if acl is not None and not (
        isinstance(acl, list) and acl and all(isinstance(who, str) and who for who in acl)
    ):
        raise ConfigError(f"{where}: acl is {acl!r}; expected a list such as ['group:hr']")
    values = {} if metadata is None else metadata
    if not isinstance(values, dict) or not all(
        isinstance(value, str | int | float | bool) for value in values.values()
    ):
        raise ConfigError(f"{where}: metadata is {values!r}; expected names with plain values")
    return DocumentRule(match, tuple(acl or ()), values)
