"""The files of a folder that are worth reading, in a fixed order, and why the others are not.

Honors .gitignore (gitignore(5), read 2026-11) in every folder down from the root or from the
repository around it. Links are followed to files and folders, but never into a folder above.
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
    """A folder and what is wanted of it."""

    root: Path
    include: Sequence[str] = ()
    """Globs as in .gitignore, from the root; if any, only files that match one are read."""
    exclude: Sequence[str] = ()
    hidden: bool = False
    """Whether names that begin with a dot are read, too."""
    gitignore: bool = True
    unreadable: list[Path] = field(default_factory=list, compare=False)
    """What `files` came to and could not list, or could not tell from a file."""
    _ignores: dict[Path, GitIgnoreSpec | None] = field(
        default_factory=dict, compare=False, repr=False
    )

    def files(self) -> Iterator[Path]:
        """Every file that is not skipped, folder by folder, sorted by name. Reads lazily."""
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
        """The reason why `files` leaves a path out; None if it does not."""
        if not os.path.lexists(path):
            return "it does not exist"
        if not path.is_relative_to(self.root):
            return f"it is not in {self.root}"
        steps = path.relative_to(self.root).parts
        here, above = self.root, [os.path.realpath(self.root)]  # resolve() fails on loops.
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
        """What is in a folder, sorted; nothing if it may not be read."""
        try:
            return sorted(folder.iterdir(), key=lambda path: os.fsencode(path.name))
        except OSError:
            self.unreadable.append(folder)
            return []

    def _is_folder(self, path: Path) -> bool | None:
        """None, and noted, for what may be one or not."""
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
        """The .gitignore that has the last word on a path, if that word is to ignore it."""
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
        """The repository that the root lies in, or else the root itself."""
        root = self.root.absolute()
        around = (root, *root.parents)
        return next((folder for folder in around if (folder / ".git").exists()), root)

    def _ignore_of(self, folder: Path) -> GitIgnoreSpec | None:
        if folder not in self._ignores:
            self._ignores[folder] = _read_ignore(folder / ".gitignore")
        return self._ignores[folder]


def globs(lines: Sequence[str]) -> GitIgnoreSpec:
    """Globs as in .gitignore; InputError names the one that is none."""
    if isinstance(lines, str):
        raise InputError(f"globs are {lines!r}; expected a list such as ['*.md']")
    for line in lines:
        if not _is_glob(line):
            raise InputError(f"{line!r} is no glob as in .gitignore; expected e.g. '*.md'")
    return GitIgnoreSpec.from_lines(lines)


def _is_glob(line: str) -> bool:
    try:
        GitIgnoreSpec.from_lines([line])
    except (ValueError, TypeError, re.error):
        return False
    return True


def _read_ignore(path: Path) -> GitIgnoreSpec | None:
    """What a .gitignore says; a line that is no glob ignores nothing, as in git."""
    try:
        lines = path.read_text("utf-8", errors="replace").splitlines()
    except (OSError, ValueError):
        return None
    return GitIgnoreSpec.from_lines([line for line in lines if _is_glob(line)])


def _why_unreadable(path: Path) -> str | None:
    if not path.is_file():
        return "it is no regular file" if path.exists() else "it is a link to nothing"
    try:
        if path.suffix.lower() not in _READ_THOUGH_BINARY and is_binary(path):
            return "it is a binary file"
    except OSError:
        return None  # The loader reports why it cannot be read.
    return None
