"""Read CSV, JSON and NDJSON: each row with a `text` is one document.

Fields: `id` or `_id` (as in BEIR), `title`, `text`, `metadata` (an object), `acl` (a list, or
comma-separated text); all others are metadata. A file whose rows have no `text` is a single text,
unless a field looks like an access list. CSV follows RFC 4180, with any of `,` `;` tab and `|`;
NDJSON has one object per line.
"""

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import chain, islice
from pathlib import Path
from typing import BinaryIO

import orjson

from simile.bounded import open_file
from simile.documents.access import (
    AccessListError,
    acl_of,
    is_access_name,
    require_no_access,
    require_no_access_in,
)
from simile.documents.fields import metadata_of, title_of
from simile.documents.reading import FileLimits, decode, encoding_of, is_binary, read_bytes
from simile.errors import InputError
from simile.types import Document

_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,17})(?:\.[0-9]{1,17})?")
_OWN = {"id", "_id", "title", "text", "acl", "metadata"}
_DELIMITERS = ",;\t|"
_SEP_LINE = re.compile(r"sep=(.)", re.I)
_LONGEST_NAME = 60
_LOOKED_AT = 100
"""Lines of NDJSON among which one must have a text, or be broken, for all to count as rows."""
_MAYBE_TWICE = re.compile(rb"acl|\\u00[46][13c]", re.I)
"""What a line has at least twice if its object has two fields `acl`."""
_PRINCIPAL = re.compile(r"\s*[\"']?(?:user:|group:|public\b)")


def document_of(row: Mapping[str, object], default_id: str, acl: Sequence[str]) -> Document:
    """Convert a row to a document. Raises InputError, naming the field, for an invalid one."""
    text = row.get("text")
    if not isinstance(text, str):
        require_no_access({name: value for name, value in row.items() if name != "acl"})
        raise InputError(f"text is {type(text).__name__}; expected a string")
    nested = row.get("metadata")
    if nested is not None and not isinstance(nested, dict):
        raise InputError(f"metadata is {type(nested).__name__}; expected an object")
    rest = {name: value for name, value in row.items() if name not in _OWN}
    given = row.get("id", row.get("_id"))
    return Document(
        id=default_id if given in (None, "") else str(given),
        text=text,
        title=title_of(row.get("title")),
        metadata=metadata_of({**rest, **(nested or {})}),
        acl=acl_of(row, acl),
    )


def csv_rows(path: Path, limits: FileLimits) -> Iterator[tuple[str, object]] | None:
    """Stream the name (`row 2`) and fields of each row, or an InputError for an ambiguous one.

    Returns None if there is no column `text`. Raises InputError if there is none, but a column
    that looks like an access list, and for quotes that do not match.
    """
    if is_binary(path):
        raise InputError("a binary file; expected text")
    with open_file(path, error=InputError) as head:
        encoding = encoding_of(head.read(4))
    found: list[str] = []
    for attempt, delimiter in enumerate(_delimiters(path, encoding, limits)):
        reader = _csv_reader(path, encoding, delimiter, limits)
        try:
            columns = [_column(name) for name in next(reader, (1, []))[1]]
        except AccessListError:  # quotes that do not match, with this delimiter
            if attempt == 0:
                raise
            continue
        if "text" in columns:
            if twice := next((name for name in _OWN if columns.count(name) > 1), None):
                raise AccessListError(f"two columns are named {twice}; keep one")
            return _named(reader, columns, delimiter)
        found += columns
        with suppress(AccessListError):
            rows = [row for _, row in islice(reader, _LOOKED_AT)]
            found += [cell for row in rows for cell in row if len(cell) < _LONGEST_NAME]
    if name := next((name for name in found if is_access_name(name)), None):
        raise AccessListError(
            f"the column {name[:80]!a} looks like an access list, but no column is named text: "
            "name it so, or rename the other"
        )
    return None


def _column(name: str) -> str:
    """Return a column's name; simile's own in lower case."""
    plain = name.strip().removeprefix("\ufeff").strip()
    return plain.casefold() if plain.casefold() in _OWN else plain


def _delimiters(path: Path, encoding: str, limits: FileLimits) -> list[str]:
    """Return the delimiters to try: the one that the first line or the suffix names first."""
    with _opened(path, encoding) as file:
        named = _SEP_LINE.fullmatch(file.readline(limits.max_row_bytes).strip('\ufeff\r\n "'))
    usual = "\t" if path.suffix.lower() == ".tsv" else ","
    return list(dict.fromkeys(([named[1]] if named else []) + [usual, *_DELIMITERS]))


def _csv_reader(
    path: Path, encoding: str, delimiter: str, limits: FileLimits
) -> Iterator[tuple[int, list[str]]]:
    """Yield the number and the fields of each row that is not blank; strict about quotes."""
    csv.field_size_limit(max(csv.field_size_limit(), limits.max_row_bytes))  # per process
    with _opened(path, encoding) as file:
        try:
            for number, values in enumerate(csv.reader(file, delimiter=delimiter, strict=True), 1):
                is_sep = number == 1 and len("".join(values)) <= len("sep=;")
                if any(values) and not (is_sep and _SEP_LINE.match("".join(values))):
                    yield number, values
        except csv.Error as exc:
            raise AccessListError(f"not a table: {exc}; is a quotation mark missing?") from exc


def _opened(path: Path, encoding: str) -> io.TextIOWrapper:
    return io.TextIOWrapper(
        open_file(path, error=InputError), encoding=encoding, errors="replace", newline=""
    )


def _named(
    reader: Iterator[tuple[int, list[str]]], columns: Sequence[str], delimiter: str
) -> Iterator[tuple[str, object]]:
    listed = columns.index("acl") if "acl" in columns else None
    for number, values in reader:
        if any(values[len(columns) :]):  # an unquoted comma makes the fields ambiguous
            got = f"{len(values)} fields, the header has {len(columns)}"
            yield f"row {number}", AccessListError(f"{got}; put quotes around commas")
        elif listed is not None and len(values) <= listed:
            yield f"row {number}", AccessListError(f"{len(values)} fields, too few for its acl")
        elif listed is not None and _swallows_a_row(values, listed, delimiter):
            yield (
                f"row {number}",
                AccessListError("a field holds what look like rows; mend the quotes"),
            )
        else:
            row = dict(zip(columns, values, strict=False))
            fields = {name: _typed(name, value) for name, value in row.items() if value != ""}
            yield f"row {number}", fields | {"text": row.get("text", "")}


def _swallows_a_row(values: Sequence[str], listed: int, delimiter: str) -> bool:
    """Return whether a line inside a field has a principal where the column `acl` would be."""
    for line in (line for value in values for line in value.splitlines()[1:]):
        fields = line.split(delimiter)
        if listed < len(fields) and len(fields) > 1 and _PRINCIPAL.match(fields[listed]):
            return True
    return False


def _typed(name: str, value: str) -> object:
    """Convert a metadata field to a number if it is in canonical form; `007`, `1e5` are text."""
    if name in _OWN or not _NUMBER.fullmatch(value):
        return value
    return float(value) if "." in value else int(value)


def ndjson_rows(path: Path, limits: FileLimits) -> Iterator[tuple[str, object]] | None:
    """Stream the name (`line 1`) and value of each line, or an InputError for a broken line.

    Returns None if all of the first lines are JSON, but no object with a `text`. Raises InputError
    if there is no text, but what looks like an access list.
    """
    lines = _json_lines(path, limits)
    first = list(islice(lines, _LOOKED_AT))
    if any(has_text(value) or isinstance(value, InputError) for _, value in first):
        return chain(first, lines)
    for _, value in chain(first, lines):
        require_no_access({"line": value}, is_data=True)
    return None


def _json_lines(path: Path, limits: FileLimits) -> Iterator[tuple[str, object]]:
    with _utf8(path, limits) as file:
        number = 0
        while line := file.readline(limits.max_row_bytes + 1):
            number += 1
            if len(line) > limits.max_row_bytes:
                raise InputError(f"line {number} is longer than {limits.max_row_bytes:,} bytes")
            if line.strip():
                yield f"line {number}", parse_json(line.removeprefix(b"\xef\xbb\xbf"))


def _utf8(path: Path, limits: FileLimits) -> BinaryIO:
    """Open a file as UTF-8; one in UTF-16 or UTF-32 is converted in memory."""
    with open_file(path, error=InputError) as head:
        is_utf8 = encoding_of(head.read(4)).startswith("utf-8")
    return (
        open_file(path, error=InputError)
        if is_utf8
        else io.BytesIO(decode(read_bytes(path, limits)).encode())
    )


def json_rows(data: bytes) -> Iterator[tuple[str, object]] | None:
    """Return name (`item 1`) and value of each object; None unless one has a `text`.

    Raises InputError if none has, but something looks like an access list.
    """
    text = decode(data)
    value = parse_json(text.encode("utf-8", "replace"))
    if isinstance(value, dict) and has_text(value):
        return iter([("item 1", value)])
    if isinstance(value, list) and any(map(has_text, value)):
        return ((f"item {number}", item) for number, item in enumerate(value, start=1))
    if isinstance(value, InputError):
        require_no_access_in(text)
    else:
        require_no_access({"file": value}, is_data=True)
    return None


def parse_json(data: bytes) -> object:
    """Return the value, or the InputError for invalid JSON (returned, not raised)."""
    try:
        value: object = orjson.loads(data)
        if len(_MAYBE_TWICE.findall(data)) > 1:
            json.loads(data, object_pairs_hook=_require_once)
    except InputError as exc:
        return exc
    except (ValueError, RecursionError) as exc:
        return InputError(f"not JSON: {exc}")
    return value


def _require_once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    if sum(name == "acl" for name, _ in pairs) > 1:
        raise AccessListError("an object has the field acl twice; keep one")
    return dict(pairs)


def has_text(value: object) -> bool:
    """Return whether a value is an object with a field `text`."""
    return isinstance(value, dict) and "text" in value
