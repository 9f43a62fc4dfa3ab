"""Turn a file of API keys into callers, and the header of a request into one of them.

The file is TOML, a `[[keys]]` table for each: `name`, `key` (the key itself, or `sha256:` and the
64 hex digits of its digest) and `principals` (whom it acts for in a search). Only digests are kept;
no message and no log line repeats what stands in the file. Knows no route and no socket.
Source: RFC 6750, section 2.1 (Bearer), read 2026-11.
"""

import hashlib
import hmac
import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from simile.bounded import parse_toml, read_file
from simile.errors import ConfigError

MIN_KEY_LENGTH = 16
_KEY = re.compile(r"[\x21-\x7e]+")
_DIGEST = re.compile(r"sha256:([0-9a-fA-F]{64})")
_BEARER = re.compile(rb"bearer[ \t]+(\S+)[ \t]*", re.IGNORECASE)
_MAX_BYTES = 2**20
_FIELDS = {"name", "key", "principals"}


@dataclass(frozen=True, slots=True)
class Caller:
    """The owner of a key: its name, and the principals that it acts for."""

    name: str
    principals: tuple[str, ...] = ()


class Keys:
    """The keys of one file, by digest."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._callers = _read(path)

    def reload(self) -> None:
        """Read the file again; ConfigError leaves the keys as they were."""
        self._callers = _read(self._path)

    def caller_of(self, authorization: bytes) -> Caller | None:
        """Find whose key an Authorization header holds; takes as long for every key."""
        bearer = _BEARER.fullmatch(authorization)
        digest = hashlib.sha256(bearer[1] if bearer else b"").digest()
        found = None
        for known, caller in self._callers:
            if hmac.compare_digest(known, digest):
                found = caller
        return found if bearer else None


def seen_by_others(path: Path) -> bool:
    """Whether everybody on this machine may read the file, or write it."""
    return os.name == "posix" and bool(path.stat().st_mode & (stat.S_IROTH | stat.S_IWOTH))


def _read(path: Path) -> tuple[tuple[bytes, Caller], ...]:
    data = read_file(path, max_bytes=_MAX_BYTES, error=ConfigError)
    content = parse_toml(data, what=str(path), error=ConfigError)
    tables = content.pop("keys", None)
    if content or not isinstance(tables, list) or not tables:
        raise ConfigError(f"{path}: expected one or more [[keys]] tables, and nothing else")
    entries = [_entry(table, f"{path}, key {place}") for place, table in enumerate(tables, 1)]
    for what, values in (
        ("name", [caller.name for _, caller in entries]),
        ("key", [digest for digest, _ in entries]),
    ):
        if len(set(values)) < len(entries):
            raise ConfigError(f"{path}: two entries have the same {what}")
    return tuple(entries)


def _entry(table: object, where: str) -> tuple[bytes, Caller]:
    if not isinstance(table, Mapping) or not table.keys() <= _FIELDS:
        raise ConfigError(f"{where}: expected name, key and principals, and nothing else")
    name, principals = table.get("name"), table.get("principals", [])
    if not isinstance(name, str) or not name.strip():
        raise ConfigError(f"{where}: expected a name, such as 'search page'")
    if not isinstance(principals, list) or not all(
        isinstance(who, str) and who for who in principals
    ):
        raise ConfigError(f"{where}: expected principals such as ['user:alice', 'group:eng']")
    return _digest(table.get("key"), where), Caller(name, tuple(principals))


def _digest(key: object, where: str) -> bytes:
    if isinstance(key, str) and (digest := _DIGEST.fullmatch(key)):
        return bytes.fromhex(digest[1])
    if (
        not isinstance(key, str)
        or key.lower().startswith("sha256:")
        or len(key) < MIN_KEY_LENGTH
        or not _KEY.fullmatch(key)
    ):
        raise ConfigError(
            f"{where}: expected a key of at least {MIN_KEY_LENGTH} ASCII characters without"
            " spaces, or sha256: and the 64 hex digits of its digest"
        )
    return hashlib.sha256(key.encode()).digest()
