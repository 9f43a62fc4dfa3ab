"""List the files of a folder to read, in a fixed order, and explain why others are skipped.

Honors .gitignore in every folder down from the root or its repository. Follows no links: what they
lead to is read where it lies, under the rules of that place, or not at all.
"""

import errno
import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from pathspec import GitIgnoreSpec

from simile.bounded import read_file
from simile.documents.globs import globs, is_glob
from simile.documents.reading import is_binary
from simile.documents.suffixes import DOCX, PDF
from simile.errors import InputError

_READ_THOUGH_BINARY = PDF | DOCX
_MAX_IGNORE_BYTES = 2**20
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
    special: list[tuple[Path, str]] = field(default_factory=list, compare=False)
    """Links, FIFOs and devices that `files` skipped, and why."""
    _ignores: dict[Path, GitIgnoreSpec | None] = field(
        default_factory=dict, compare=False, repr=False
    )

    def files(self) -> Iterator[Path]:
        """Yield every file that is not skipped, folder by folder, sorted by name. Reads lazily."""
        todo = [self.root]
        while todo:
            inside = []
            for path in self._entries(todo.pop()):
                mode = self._mode(path)
                is_folder = stat.S_ISDIR(mode)
                if not mode or self._why(path, is_folder=is_folder) is not None:
                    continue
                if is_folder:
                    inside.append(path)
                elif stat.S_ISREG(mode) and _why_unreadable(path) is None:
                    yield path
                elif reason := _why_special(mode):
                    self.special.append((path, reason))
            todo += reversed(inside)

    def why_skipped(self, path: Path) -> str | None:
        """Return why `files` skips a path; None if it does not."""
        if not os.path.lexists(path):
            return "it does not exist"
        if not path.is_relative_to(self.root):
            return f"it is not in {self.root}"
        here, steps = self.root, path.relative_to(self.root).parts
        for at, step in enumerate(steps):
            here = here / step
            mode = here.lstat().st_mode
            is_folder = at + 1 < len(steps) or stat.S_ISDIR(mode)
            reason = _why_special(mode) or self._why(here, is_folder=is_folder)
            if reason is None and stat.S_ISREG(mode):
                reason = _why_unreadable(here)
            if reason:
                return reason if here == path else f"its folder {here}: {reason}"
        return None

    def _entries(self, folder: Path) -> list[Path]:
        """Return a folder's entries, sorted; none if it is unreadable."""
        try:
            if self.gitignore:
                self._ignore_of(folder)
        except InputError as exc:
            self.special.append((folder, f"{exc}; nothing in the folder is read"))
            self.unreadable.append(folder)
            return []
        try:
            return sorted(folder.iterdir(), key=lambda path: os.fsencode(path.name))
        except OSError:
            self.unreadable.append(folder)
            return []

    def _mode(self, path: Path) -> int:
        """Return the mode of a path itself, not of what it links to; 0 if unknown or gone."""
        try:
            return path.lstat().st_mode
        except OSError as exc:
            if exc.errno not in _NOTHING_THERE:
                self.unreadable.append(path)
            return 0

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
        return None

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


def _read_ignore(path: Path) -> GitIgnoreSpec | None:
    """Read a .gitignore; as in git, invalid lines ignore nothing.

    Raises InputError for one that cannot be read: what it hides must not be published.
    """
    if not os.path.lexists(path):
        return None
    data = read_file(path, max_bytes=_MAX_IGNORE_BYTES, error=InputError)
    lines = data.decode("utf-8", "replace").splitlines()
    return globs([line for line in lines if is_glob(line)])


def _why_special(mode: int) -> str | None:
    """Return why what is neither a file nor a folder is skipped."""
    if stat.S_ISLNK(mode):
        return "it is a link; name what it leads to, to index that"
    if stat.S_ISREG(mode) or stat.S_ISDIR(mode):
        return None
    return "it is not a regular file"


def _why_unreadable(path: Path) -> str | None:
    try:
        if path.suffix.lower() not in _READ_THOUGH_BINARY and is_binary(path):
            return "it is a binary file"
    except (OSError, InputError):
        return None  # the loader reports why it cannot be read
    return None
