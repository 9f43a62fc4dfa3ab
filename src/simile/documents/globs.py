"""Compile globs as in .gitignore (gitignore(5), read 2026-11) that match in linear time.

pathspec turns a glob into a regular expression. There each `*` may give back what it took, so that
`*a*a*a*a` takes a power of the name's length. Here it keeps what the shortest match took, which
finds the same names: what follows a `*` may as well stand in its first place.
"""

import re
from collections.abc import Sequence

from pathspec import GitIgnoreSpec
from pathspec.patterns.gitignore.spec import GitIgnoreSpecPattern

from simile.errors import InputError

_STAR = "[^/]*"
_BETWEEN = ("(?:.+/)?", "(?:/.+)?", "(?:(?P<ps_d>/)|$)", "(?P<ps_d>/)")
"""What pathspec writes between names, besides a slash."""
_TOKEN = re.compile(
    "|".join(
        [*map(re.escape, (_STAR, *_BETWEEN)), r"\[\^/\]\+?", r"\\.", r"\[(?:\\.|[^\]])+\]", "."]
    ),
    re.S,
)
_MAX_CHARS = 1000
_MAX_ANY_FOLDERS = 2
"""Most `**` before a name: a path has few ways to be cut in three."""
_FOLDERS = re.compile(r"(?:\*\*/+)+")


class LinearPattern(GitIgnoreSpecPattern):
    """A pattern of pathspec's whose stars do not go back."""

    __slots__ = ()

    @classmethod
    def pattern_to_regex(cls, pattern: str) -> tuple[str | None, bool | None]:  # type: ignore[override]
        """Return the regular expression, and whether it includes. Raises ValueError."""
        plain = _FOLDERS.sub("**/", re.sub(r"\*{3,}", "**", pattern))
        if len(plain) > _MAX_CHARS or plain.count("**/") > _MAX_ANY_FOLDERS:
            raise ValueError("the glob is too long, or has too many **")
        regex, include = super().pattern_to_regex(plain)
        return (regex if regex is None else _without_returns(str(regex))), include


def _without_returns(regex: str) -> str:
    """Let every star of a name but its last take as little as possible, for good."""
    made: list[str] = []
    pieces = [""]
    for part in _TOKEN.findall(regex):
        if part == _STAR:
            pieces.append("")
        elif part == "/" or part in _BETWEEN:
            made += [_name(pieces), part]
            pieces = [""]
        else:
            pieces[-1] += part
    return "".join([*made, _name(pieces)])


def _name(pieces: Sequence[str]) -> str:
    """Return the expression for pieces of a name with stars between them."""
    first, *between, last = pieces if len(pieces) > 1 else (pieces[0], "")
    kept = "".join(f"(?>{_STAR}?{piece})" for piece in between)
    return first + kept + (_STAR + last if len(pieces) > 1 else "")


def globs(lines: Sequence[str]) -> GitIgnoreSpec:
    """Compile globs as in .gitignore. Raises InputError for an invalid one."""
    if isinstance(lines, str):
        raise InputError(f"globs are {lines!r}; expected a list such as ['*.md']")
    for line in lines:
        if not is_glob(line):
            raise InputError(f"{line!r} is not a glob as in .gitignore; expected e.g. '*.md'")
    return GitIgnoreSpec.from_lines(lines, LinearPattern)


def is_glob(line: str) -> bool:
    """Return whether a line can be compiled."""
    try:
        GitIgnoreSpec.from_lines([line], LinearPattern)
    except (ValueError, TypeError, re.error):
        return False
    return True
