"""Who may read documents that say nothing themselves: by their path, or by the index's default.

Both are notes of the index, so that later syncs obey what an earlier one was told. An index that
holds something protected needs a default that somebody chose; otherwise silence would publish.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from simile.documents.access import principal
from simile.errors import InputError, StoreError
from simile.store import PUBLIC, Store

DEFAULT, BY_PATH = "default_acl", "acl_by_path"
"""Names of the index's notes."""
FORGET = "default"
"""In place of principals: forget what was said for a path."""
SILENT = ("\0",)
"""The access list of what says nothing, until the default is known; no principal is a NUL."""
_HERE = "."


@dataclass(frozen=True)
class Readers:
    """What an index was told."""

    default: tuple[str, ...] | None = None
    """Who may read what says nothing; None if nobody chose: then it is public."""
    by_path: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Who may read what says nothing below a path; paths are relative to the index's folder."""

    def of(self, path: Path, base: Path) -> tuple[str, ...] | None:
        """Return the list of the nearest path that something was said for, if any."""
        if not self.by_path:
            return None
        place = PurePosixPath(key_of(path, base))
        keys = (place, *place.parents, PurePosixPath(_HERE))
        found = (self.by_path.get(str(key)) for key in keys)
        return next((acl for acl in found if acl is not None), None)

    def told(
        self, paths: Iterable[str], acl: Sequence[str] | None, default: Sequence[str] | None
    ) -> "Readers":
        """Return what holds after a caller said something for these paths, or a default.

        Raises InputError for what is no principal.
        """
        made, by_path = self, dict(self.by_path)
        if acl is not None:
            names = principals_of(acl)
            for path in paths:
                by_path.pop(path, None)
                if names != (FORGET,):
                    by_path[path] = names
        if default is not None:
            made = replace(made, default=principals_of(default))
        return replace(made, by_path=by_path)

    def notes(self) -> dict[str, str]:
        """Return the notes that keep this."""
        found = {BY_PATH: json.dumps(self.by_path, sort_keys=True)}
        return found if self.default is None else found | {DEFAULT: json.dumps(self.default)}


def readers_of(meta: Mapping[str, str]) -> Readers:
    """Read the notes. Raises StoreError if they are damaged."""
    try:
        default = json.loads(meta[DEFAULT]) if DEFAULT in meta else None
        by_path = json.loads(meta.get(BY_PATH, "{}"))
        lists = [*by_path.values(), *([] if default is None else [default])]
        if not all(acl and all(isinstance(name, str) for name in acl) for acl in lists):
            raise TypeError
    except (ValueError, TypeError, AttributeError) as exc:
        raise StoreError("the index is damaged: its notes on who may read are invalid") from exc
    named = {path: tuple(acl) for path, acl in by_path.items()}
    return Readers(None if default is None else tuple(default), named)


def principals_of(names: Sequence[str]) -> tuple[str, ...]:
    """Return principals in order. Raises InputError for an empty list, and for what is none."""
    if isinstance(names, str) or not all(isinstance(name, str) for name in names):
        raise InputError(f"acl is {names!r}; expected a list such as ['user:alice']")
    found = tuple(sorted({principal(name) for name in names}))
    if not found:
        raise InputError("acl is empty; expected principals such as user:alice, or public")
    return found


def key_of(path: Path, base: Path) -> str:
    """Return a path as it is noted: relative to the index's folder if it lies there."""
    return path.relative_to(base).as_posix() if path.is_relative_to(base) else path.as_posix()


def is_protected(acl: Sequence[str]) -> bool:
    """Return whether a list keeps a document from the public."""
    return PUBLIC not in acl and tuple(acl) != SILENT


class Undecided:
    """Watches what is read while nobody has chosen a default, and asks when it matters."""

    def __init__(self, store: Store | None) -> None:
        self._store = store
        self._protected = None if store is None else store.first_protected()
        self._silent: str | None = None

    def see(self, id: str, acl: Sequence[str]) -> None:
        """Take note of a document. Raises InputError if there is now one of each kind."""
        if is_protected(acl):
            self._protected = self._protected or id
        elif tuple(acl) == SILENT:
            self._silent = self._silent or id
        self._require()

    def see_stored(self, is_silent: Callable[[str], bool]) -> None:
        """Take note of what is stored and stays; `is_silent` tells whether its file says nothing.

        Raises InputError if there is now one of each kind.
        """
        if self._protected is not None and self._silent is None and self._store is not None:
            found = self._store.public_sources().items()
            self._silent = next((id for source, id in found if is_silent(source)), None)
            self._require()

    def _require(self) -> None:
        if self._protected is not None and self._silent is not None:
            raise InputError(
                f"{self._protected!a} is protected, and {self._silent!a} says nothing of who may "
                "read it. Choose who may read what says nothing, with --default-acl public or, "
                "say, --default-acl group:staff (default_acl in Python); nothing was changed"
            )
