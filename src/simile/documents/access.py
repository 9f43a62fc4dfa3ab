"""Read access lists, and recognize what looks like one where none is read.

Whatever looks like an attempt to say who may read is obeyed or refused, never ignored. Refused is
a field whose name says access list (`acl`, `ACLs`, `read_acl`, `permissions`), and one whose name
says access (`access`, `readers`, `visibility`) and whose value names principals.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache

from simile.errors import InputError

ACL = "acl"
_LISTS = frozenset(
    "acl acls accesslist accesslists accesscontrol accesscontrollist accesscontrollists acllist"
    " allowedprincipals allowedreaders allowedgroups allowedusers".split()
)
_ABOUT_ACCESS = re.compile(
    "access|permi|principal|reader|readable|viewer|visib|allow|audience|restrict|share|private"
    "|secur|who|group|authori[sz]"
)
_PART = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")
_PRINCIPAL = re.compile(r"[\[({\s\"']*(?:user|group|role|team)s?\s*[:=]\s*\S", re.I)
_PUBLIC = re.compile(r"[\[({\s\"']*public[\])}\s\"',;]*", re.I)
_LINE = re.compile(
    r"^[ \t]{0,3}(?P<mark>[^\w\s]{0,4})[ \t]{0,9}[\"'`*]{0,2}(?P<name>\w[\w .-]{1,40}?)"
    r"[\"'`*]{0,2}[ \t]{0,9}(?:[:\uff1a]|=>?)(?P<value>.{0,400})$",
    re.M,
)
_KEY = re.compile(r"[\"']?([A-Za-z_][\w .-]{1,40}?)[\"']?\s{0,9}[:=]\s{0,9}(?=([^\r\n]{0,200}))")
_MAX_PRINCIPAL = 1000
_MAX_DEPTH = 100
_MAX_NAME = 200


class AccessListError(InputError):
    """Something that looks like an access list cannot be obeyed."""


def acl_of(fields: Mapping[str, object], default: Sequence[str]) -> tuple[str, ...]:
    """Return the principals that the field `acl` lists; the default if there is no such field.

    They may be a list or comma-separated text. Raises AccessListError for anything else, and for an
    empty list: access is never guessed.
    """
    if ACL not in fields:
        return tuple(default)
    value = fields[ACL]
    if value is None or (isinstance(value, str) and not value.strip()) or value == []:
        raise AccessListError("acl is empty; expected principals such as user:alice, or public")
    parts = value.split(",") if isinstance(value, str) else value
    if not isinstance(parts, list) or not all(isinstance(part, str) for part in parts):
        raise AccessListError(f"acl is {value!r}; expected a list of principals such as user:alice")
    principals = tuple(principal(part) for part in parts if part.strip())
    if not principals:
        raise AccessListError("acl is empty; expected principals such as user:alice, or public")
    return principals


def principal(text: str) -> str:
    """Return a principal without the blanks around it. Raises AccessListError for what is none."""
    name = text.strip()
    if not name or len(name) > _MAX_PRINCIPAL or re.search(r"[\[\]{}()\"'<>,;|\\]", name):
        raise AccessListError(f"{text!a} in acl is not a principal; expected such as user:alice")
    if any(unicodedata.category(letter) in ("Cc", "Cf", "Cs", "Zl", "Zp") for letter in name):
        raise AccessListError(f"{text!a} in acl has an invisible character; write it without")
    return name


def require_no_access(fields: Mapping[str, object], *, is_data: bool = False) -> None:
    """Raise AccessListError if a field, or one inside it, looks like a list that is not read.

    With `is_data`, they are those of a file that has no texts with fields; of a cloud's settings,
    say, in which many names speak of access. Then a name must be a list's, or the value principals.
    """
    if (name := next(_attempts(fields, is_data=is_data), None)) is not None:
        raise AccessListError(
            f"the field {name!a} looks like an access list, but would protect nothing; write it as "
            "acl, in lower case, next to title and text, or rename it"
        )


def require_no_access_in(text: str) -> None:
    """Raise AccessListError if a text that is not read as fields has one that looks like a list."""
    for found in _KEY.finditer(text):
        if _is_attempt(found[1], found[2]):
            raise AccessListError(
                f"it has {found[1]!a}, which looks like an access list, but is not a table or list "
                "of objects with a text that could be read; mend it, or rename the field"
            )


def require_no_access_above(text: str, *, in_block: bool) -> None:
    """Raise AccessListError if lines look like an access list at the top of a file.

    `in_block` says that they look like front matter; otherwise only a first paragraph counts.
    """
    for found in _LINE.finditer(text):
        name, value = found["name"], found["value"]
        if (in_block and _is_attempt(name, value)) or (
            found["mark"] not in ("-", "*", "+", ">", "|") and _key(name) in ("acl", "acls")
        ):
            raise AccessListError(
                f"the line {found[0].strip()[:80]!a} looks like an access list, but is not in "
                "front matter that could be read: --- in the first line, YAML, and --- after it"
            )


def is_access_name(name: str) -> bool:
    """Return whether a name says access list, in any case and spelling."""
    return _says_list(name[:_MAX_NAME])


@lru_cache  # the rows of a table share their names
def _says_list(name: str) -> bool:
    parts = {part.casefold() for part in _PART.findall(_visible(name))}
    return _key(name) in _LISTS or not parts.isdisjoint(("acl", "acls"))


def _attempts(fields: object, *, is_data: bool, depth: int = 0) -> Iterator[str]:
    if depth > _MAX_DEPTH:
        return
    if isinstance(fields, list):
        for value in fields:
            yield from _attempts(value, is_data=is_data, depth=depth + 1)
    elif isinstance(fields, dict):
        for name, value in fields.items():
            if _is_attempt(str(name), value, is_data=is_data):
                yield str(name)
            yield from _attempts(value, is_data=is_data, depth=depth + 1)


def _is_attempt(name: str, value: object, *, is_data: bool = False) -> bool:
    if _key(name) in _LISTS or (not is_data and is_access_name(name)):
        return True
    if _ABOUT_ACCESS.search(_key(name)) is None:
        return False
    return _names_principals(value, () if is_data else (_PUBLIC,))


def _names_principals(value: object, words: Sequence[re.Pattern[str]]) -> bool:
    if isinstance(value, list):
        return any(_names_principals(part, words) for part in value)
    if not isinstance(value, str):
        return False
    return _PRINCIPAL.match(value) is not None or any(one.fullmatch(value) for one in words)


def _key(name: str) -> str:
    return _plain_key(name[:_MAX_NAME])


@lru_cache
def _plain_key(name: str) -> str:
    return re.sub(r"[\W\d_]+", "", _visible(name)).casefold()


def _visible(name: str) -> str:
    text = unicodedata.normalize("NFKC", name[:_MAX_NAME])
    return "".join(letter for letter in text if unicodedata.category(letter) != "Cf")
