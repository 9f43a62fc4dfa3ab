"""Find the files that a sync reads, each with its name in the index and its rules.

A file's name is its path relative to the folder that contains the index, or its full path if it is
outside; so it does not depend on the working folder. Rules come from each `simile.toml` between
the file and the folder of the index or the working folder, whichever is further up; so they do not
depend on which folder is named. The nearest rules win.
"""

import hashlib
import json
import os
import stat
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from pathspec import GitIgnoreSpec

from simile.documents import Folder
from simile.documents.globs import globs
from simile.documents.loaders import document_id
from simile.documents.rules import DocumentRule, read_rules
from simile.errors import ConfigError, InputError
from simile.retrieval.readers import SILENT, Readers, key_of
from simile.store import PUBLIC, SourceFile
from simile.store.folder import is_own
from simile.types import MetadataValue

RULES = "simile.toml"


@dataclass(frozen=True)
class _Matcher:
    """A rule, and what finds its files."""

    rule: DocumentRule
    where: str
    spec: GitIgnoreSpec
    folded: GitIgnoreSpec
    """Finds them whatever the case of letters: used only to restrict who may read."""

    def matches(self, inside: str) -> bool:
        """Return whether the rule holds for a path, relative to the folder of the rules."""
        name = unicodedata.normalize("NFC", inside)
        restricts = bool(self.rule.acl) and PUBLIC not in self.rule.acl
        return self.spec.match_file(name) or (restricts and self.folded.match_file(name.casefold()))


_Rules = tuple[_Matcher, ...]


@dataclass(frozen=True)
class Selection:
    """Which files of the paths to index, and who may read their documents."""

    base: Path
    """Absolute path of the folder that contains the index."""
    include: Sequence[str] = ()
    exclude: Sequence[str] = ()
    readers: Readers = field(default_factory=Readers)
    """Who may read what says nothing itself, and has no rule."""
    index: Path | None = None
    """The index's own folder; its files are never indexed."""


@dataclass(frozen=True)
class FoundFile:
    """A file to sync."""

    path: Path
    source: SourceFile
    acl: Sequence[str]
    """Of its documents that have none of their own; SILENT if nobody said anything."""
    metadata: Mapping[str, MetadataValue]


@dataclass
class Walk:
    """One walk through a path; afterwards it knows which files it covered."""

    root: Path
    selection: Selection
    blind: list[Path] = field(default_factory=list)
    """Folders that could not be listed: their content is unknown."""
    skipped: list[tuple[Path, str]] = field(default_factory=list)
    """What is neither a file nor a folder, and rules that matched no file, with the reason."""
    _used: set[str] = field(default_factory=set, repr=False)
    _known_rules: dict[Path, tuple[tuple[Path, _Rules], ...]] = field(
        default_factory=dict, repr=False
    )

    @cached_property
    def _absolute(self) -> Path:
        """The root's path, expressed via `selection.base` even if it was given via links."""
        base = self.selection.base
        path = Path(os.path.normpath(self.root.absolute()))
        for above in (path, *path.parents):
            if os.path.exists(above) and os.path.exists(base) and above.samefile(base):
                return base / path.relative_to(above)
        return path

    @cached_property
    def _kind(self) -> str:
        """`folder`, `file`, or `nothing`. Raises InputError if the path is inaccessible."""
        try:
            return "folder" if stat.S_ISDIR(self._absolute.stat().st_mode) else "file"
        except (FileNotFoundError, NotADirectoryError):
            return "nothing"
        except OSError as exc:
            raise InputError(f"{self.root}: {exc.strerror}") from exc

    @property
    def key(self) -> str:
        """The path as the index notes it."""
        return key_of(self._absolute, self.selection.base)

    def require(self, known: Iterable[str]) -> None:
        """Raise InputError if the path is missing and covers none of the known names."""
        if self._kind == "nothing" and not any(map(self.covers, known)):
            raise InputError(f"{self.root}: no such file or folder")

    def covers(self, name: str) -> bool:
        """Return whether a file of this name would have been found, if it existed."""
        path = self._named(self.selection.base) / name
        return path.is_relative_to(self._named(self._absolute)) and not any(
            path.is_relative_to(self._named(folder)) for folder in self.blind
        )

    @staticmethod
    def _named(path: Path) -> Path:
        return Path(document_id(path))

    def files(self) -> Iterator[FoundFile]:
        """Yield the files, in a fixed order. A file that is the root itself is never skipped."""
        if self._kind == "file":
            yield self._found(self._absolute)
        if self._kind != "folder":
            return
        folder = Folder(self._absolute, self.selection.include, self.selection.exclude)
        for path in folder.files():
            if path.name.casefold() == RULES:
                if path.name != RULES:
                    raise ConfigError(f"{path}: write its name {RULES}, so that its rules hold")
                continue  # a rules file describes documents; it is not one itself
            if self.selection.index is not None and is_own(self.selection.index, path):
                continue
            try:
                yield self._found(path)
            except FileNotFoundError:
                continue  # deleted meanwhile
        self.blind += folder.unreadable
        self.skipped += folder.special
        if not self.selection.include and not self.selection.exclude:
            self.skipped += self.unused_rules()

    def _found(self, path: Path) -> FoundFile:
        status = path.stat()
        acl, metadata = self._ruled(path)
        said = json.dumps([list(acl), metadata], sort_keys=True)
        rules = hashlib.sha256(said.encode("utf-8", "surrogatepass")).hexdigest()[:16]
        changed_ns = max(status.st_mtime_ns, status.st_ctime_ns)
        name = document_id(path, self.selection.base)
        return FoundFile(path, SourceFile(name, changed_ns, status.st_size, rules), acl, metadata)

    def _ruled(self, path: Path) -> tuple[Sequence[str], dict[str, MetadataValue]]:
        """Return a file's access list and metadata: nearer rules win, then later ones.

        Those of the place that a file really lies in win over those of the path it was found by.
        """
        readers, base = self.selection.readers, self.selection.base
        acl = readers.of(self._real(path), base) or readers.of(path, base) or readers.default
        acl, metadata = acl or SILENT, dict[str, MetadataValue]()
        for place in dict.fromkeys((path, self._real(path))):
            for folder, rules in self._rules_for(place.parent):
                inside = place.relative_to(folder).as_posix()
                for matcher in rules:
                    if matcher.matches(inside):
                        self._used.add(matcher.where)
                        acl = matcher.rule.acl or acl
                        metadata |= matcher.rule.metadata
        return acl, metadata

    def is_silent(self, path: Path) -> bool:
        """Return whether neither a rule nor anything noted says who may read a file."""
        return self._ruled(path)[0] == SILENT

    def _real(self, path: Path) -> Path:
        """Return where a file really lies; only the way to the root may hold links."""
        if not path.is_relative_to(self._absolute):
            return path
        return self._real_root / path.relative_to(self._absolute)

    @cached_property
    def _real_root(self) -> Path:
        return Path(os.path.realpath(self._absolute))

    def unused_rules(self) -> Iterator[tuple[Path, str]]:
        """Yield rules inside the root that say who may read, but matched no file."""
        for folder, rules in self._known_rules.items():
            for place, matchers in rules:
                if place != folder or not folder.is_relative_to(self._absolute):
                    continue
                for matcher in matchers:
                    if matcher.rule.acl and matcher.where not in self._used:
                        yield folder / RULES, f"match = {matcher.rule.match!r} matched no file"

    def _rules_for(self, folder: Path) -> tuple[tuple[Path, _Rules], ...]:
        """Return the rules that apply in a folder, with the folder of each, outermost first."""
        if folder not in self._known_rules:
            path = folder / RULES
            ends = (self._end, self._real(self._end), folder.parent)
            above = () if folder in ends else self._rules_for(folder.parent)
            own = ((folder, _read_rules(path)),) if os.path.lexists(path) else ()
            self._known_rules[folder] = above + own
        return self._known_rules[folder]

    @cached_property
    def _end(self) -> Path:
        """The outermost folder whose rules apply."""
        top = self._absolute if self._kind == "folder" else self._absolute.parent
        ends = [end for end in (self.selection.base, Path.cwd()) if top.is_relative_to(end)]
        return min(ends, key=lambda end: len(end.parts), default=top)


def _read_rules(path: Path) -> _Rules:
    """Read rules. Raises ConfigError for one that matches nothing: it would fail to protect."""
    found = []
    for place, rule in enumerate(read_rules(path), 1):
        where = f"{path}, rule {place}"
        match = unicodedata.normalize("NFC", rule.match)
        try:
            spec, folded = globs([match]), globs([match.casefold()])
        except InputError as exc:
            raise ConfigError(f"{where}: match: {exc}") from exc
        if not any(pattern.include for pattern in spec.patterns):
            raise ConfigError(
                f"{where}: match is {rule.match!r}, which can match nothing; "
                "expected a glob such as 'hr/**'"
            )
        found.append(_Matcher(rule, where, spec, folded))
    return tuple(found)


def require_path(path: Path | str) -> Path:
    """Return the path. Raises InputError if it is invalid."""
    if not isinstance(path, str | Path) or not str(path) or "\0" in str(path):
        raise InputError(f"{path!r} is not a path; expected a file or a folder")
    return Path(path)
