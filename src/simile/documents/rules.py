"""Read `simile.toml`: access lists and metadata for files that match a glob."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from simile.bounded import parse_toml, read_file
from simile.documents.access import principal, require_no_access
from simile.errors import ConfigError, InputError

_MAX_BYTES = 2**20
_UNUSUAL = re.compile(r"[\\{}]|(?<![^/])\.\.(?![^/])|//|^~|^[A-Za-z]:")
"""What elsewhere means something in globs, and would silently match nothing here."""


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
    data = read_file(path, max_bytes=_MAX_BYTES, error=ConfigError)
    tables = parse_toml(data, what=str(path), error=ConfigError)
    rules = tables.pop("documents", [])
    if tables or not isinstance(rules, list):
        raise ConfigError(f"{path}: {', '.join(tables) or 'documents'}: expected [[documents]]")
    return tuple(_rule(rule, f"{path}, rule {place}") for place, rule in enumerate(rules, 1))


def _rule(table: object, where: str) -> DocumentRule:
    if not isinstance(table, dict) or not table.keys() <= {"match", "acl", "metadata"}:
        raise ConfigError(f"{where}: expected match, acl and metadata, and nothing else")
    match, acl, metadata = (table.get(key) for key in ("match", "acl", "metadata"))
    if not isinstance(match, str) or not match.strip() or match != match.strip():
        raise ConfigError(f"{where}: match is {match!r}; expected a glob such as 'hr/**'")
    if unusual := _UNUSUAL.search(match):
        raise ConfigError(
            f"{where}: match is {match!r}; {unusual[0]!r} has no meaning there: write / between "
            "names, paths from the folder of the file, and one rule per glob"
        )
    if acl is not None and not (
        isinstance(acl, list) and acl and all(isinstance(who, str) and who for who in acl)
    ):
        raise ConfigError(f"{where}: acl is {acl!r}; expected a list such as ['group:hr']")
    try:
        readers = () if acl is None else tuple(map(principal, acl))
        require_no_access(metadata if isinstance(metadata, dict) else {})
    except InputError as exc:
        raise ConfigError(f"{where}: {exc}") from exc
    values = {} if metadata is None else metadata
    if not isinstance(values, dict) or not all(
        isinstance(value, str | int | float | bool) for value in values.values()
    ):
        raise ConfigError(f"{where}: metadata is {values!r}; expected names with plain values")
    return DocumentRule(match.removeprefix("./"), readers, values)
