"""List the files of a folder to read, in a fixed order, and explain why others are skipped.

Honors .gitignore (gitignore(5), read 2026-11) in every folder down from the root or its
repository. Follows links to files and folders, but never into a folder above.
"""

import errno
import os
import re
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from pathspec import GitIgnoreSpec

from simile.documents.reading import is_binary
from simile.documents.suffixes import DOCX, PDF
from simile.errors import InputError

_READ_THOUGH_BINARY = PDF | DOCX
_NOTHING_THERE = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP}


@dataclass(frozen=True)
class Folder:
    """A folder, and which of its files to read."""

    root: Path
    include: Sequence[str] = ()
    """Globs as in .gitignore, relative to the root; if any, only matching files are read."""
    exclude: Sequence[str] = ()
    hidden: bool = False
    """Whether to read names that begin with a dot."""
    gitignore: bool = True
    unreadable: list[Path] = field(default_factory=list, compare=False)
    """Folders that `files` could not list, and paths that it could not inspect."""
    _ignores: dict[Path, GitIgnoreSpec | None] = field(
        default_factory=dict, compare=False, repr=False
    )

    def files(self) -> Iterator[Path]:
        """Yield every file that is not skipped, folder by folder, sorted by name. Reads lazily."""
        todo = [(self.root, frozenset([self.root.resolve()]))]
        while todo:
            folder, above = todo.pop()
            inside = []
            for path in self._entries(folder):
                is_folder = self._is_folder(path)
                if is_folder is None:
                    continue
                if is_folder:
                    real = path.resolve()
                    if real not in above and self._why(path, is_folder=True) is None:
                        inside.append((path, above | {real}))
                elif self._why(path, is_folder=False) is None:
                    yield path
            todo += reversed(inside)

    def why_skipped(self, path: Path) -> str | None:
        """Return why `files` skips a path; None if it does not."""
        if not os.path.lexists(path):
            return "it does not exist"
        if not path.is_relative_to(self.root):
            return f"it is not in {self.root}"
        steps = path.relative_to(self.root).parts
        here, above = self.root, [os.path.realpath(self.root)]  # resolve() fails on loops
        for at, step in enumerate(steps):
            here = here / step
            is_folder = at + 1 < len(steps) or here.is_dir()
            if is_folder and os.path.realpath(here) in above:
                return f"{here} links to a folder above it"
            above.append(os.path.realpath(here))
            if reason := self._why(here, is_folder=is_folder):
                return reason if here == path else f"its folder {here}: {reason}"
        return None

    def _entries(self, folder: Path) -> list[Path]:
        """Return a folder's entries, sorted; none if it is unreadable."""
        try:
            return sorted(folder.iterdir(), key=lambda path: os.fsencode(path.name))
        except OSError:
            self.unreadable.append(folder)
            return []

    def _is_folder(self, path: Path) -> bool | None:
        """Return whether the path is a folder; if unknown, None, recorded as unreadable."""
        try:
            return stat.S_ISDIR(path.stat().st_mode)
        except OSError as exc:
            if exc.errno in _NOTHING_THERE:
                return False
            self.unreadable.append(path)
            return None

    def _why(self, path: Path, *, is_folder: bool) -> str | None:
        name = path.relative_to(self.root).as_posix() + ("/" if is_folder else "")
        if path.name.startswith(".") and not self.hidden:
            return "its name begins with a dot (hidden)"
        if self._excluded.match_file(name):
            return f"it matches --exclude {' '.join(self.exclude)}"
        if self.gitignore and (source := self._ignored_by(path, is_folder)):
            return f"{source} ignores it"
        if is_folder:
            return None
        if self.include and not self._included.match_file(name):
            return f"it does not match --include {' '.join(self.include)}"
        return _why_unreadable(path)

    @cached_property
    def _excluded(self) -> GitIgnoreSpec:
        return globs(self.exclude)

    @cached_property
    def _included(self) -> GitIgnoreSpec:
        return globs(self.include)

    def _ignored_by(self, path: Path, is_folder: bool) -> Path | None:
        """Return the .gitignore that decides on a path, if it ignores it."""
        path = path.absolute()
        for folder in path.parents:
            spec = self._ignore_of(folder)
            if spec is not None:
                inside = path.relative_to(folder).as_posix() + ("/" if is_folder else "")
                verdict = spec.check_file(inside).include
                if verdict is not None:
                    return folder / ".gitignore" if verdict else None
            if folder == self._top:
                break
        return None

    @cached_property
    def _top(self) -> Path:
        """The repository that contains the root, or else the root itself."""
        root = self.root.absolute()
        around = (root, *root.parents)
        return next((folder for folder in around if (folder / ".git").exists()), root)

    def _ignore_of(self, folder: Path) -> GitIgnoreSpec | None:
        if folder not in self._ignores:
            self._ignores[folder] = _read_ignore(folder / ".gitignore")
        return self._ignores[folder]


def globs(lines: Sequence[str]) -> GitIgnoreSpec:
    """Compile globs as in .gitignore. Raises InputError for an invalid one."""
    if isinstance(lines, str):
        raise InputError(f"globs are {lines!r}; expected a list such as ['*.md']")
    for line in lines:
        if not _is_glob(line):
            raise InputError(f"{line!r} is not a glob as in .gitignore; expected e.g. '*.md'")
    return GitIgnoreSpec.from_lines(lines)


def _is_glob(line: str) -> bool:
    try:
        GitIgnoreSpec.from_lines([line])
    except (ValueError, TypeError, re.error):
        return False
    return True


def _read_ignore(path: Path) -> GitIgnoreSpec | None:
    """Read a .gitignore; as in git, invalid lines ignore nothing."""
    try:
        lines = path.read_text("utf-8", errors="replace").splitlines()
    except (OSError, ValueError):
        return None
    return GitIgnoreSpec.from_lines([line for line in lines if _is_glob(line)])


def _why_unreadable(path: Path) -> str | None:
    if not path.is_file():
        return "it is not a regular file" if path.exists() else "it is a broken link"
    try:
        if path.suffix.lower() not in _READ_THOUGH_BINARY and is_binary(path):
            return "it is a binary file"
    except OSError:
        return None  # the loader reports why it cannot be read
    return None
