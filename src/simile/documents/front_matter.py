"""Read front matter, the YAML or TOML block at the top of a Markdown file: title, acl, metadata.

The document's text begins with as many empty lines as the block has, so that line numbers match
the file and the block is not embedded. Hugo's and Jekyll's form: `---` or `+++` alone in the first
line, and again after the block.
"""

import re
from collections import Counter
from functools import cache
from typing import TYPE_CHECKING

from simile.bounded import parse_toml
from simile.documents.access import AccessListError, require_no_access_above
from simile.errors import InputError

if TYPE_CHECKING:
    import yaml

_BLOCK = re.compile(
    r"(?P<mark>---|\+\+\+)[ \t]*\r?\n(?P<body>.*?)^(?:(?P=mark)|\.\.\.)[ \t]*(?:\r?\n|\Z)",
    re.S | re.M,
)
_MAX = 65_536
"""Most characters of the block; two horizontal rules farther apart are not front matter."""
_MAX_NESTED = 64
_OWN = ("title", "acl", "metadata")
_OPENING = re.compile(r"\s*+(?:<!--(?>.*?-->)\s*+)*+([-+=~;]{3,}|\{\s*[\"'\n])", re.S)
"""What looks like the beginning of a block that holds fields, after blank lines and comments."""
_LINE_END = re.compile(r"\r\n?|[\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")
_FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})", re.M)
_HEAD = re.compile(
    r"(?:\s*+(?:<!--(?>.*?-->)|[^\n:=<]{1,60}+[:=][^\n]*+(?:\n|\Z)))*+"
    r"\s*+.*?(?:\n[ \t]*\r?\n|\Z)",
    re.S,
)
"""Comments, lines that look like fields, and the paragraph after them."""


def split_front_matter(text: str) -> tuple[dict[str, object], str]:
    """Return the fields and the text after them; no fields if the file has no front matter.

    Fields other than `title`, `acl` and a mapping `metadata` are metadata too. Raises InputError
    if the block cannot be read, or what looks like an access list is not in one: it would be lost.
    """
    match = _BLOCK.match(text, 0, min(len(text), _MAX)) if text.startswith(("---", "+++")) else None
    fields = None if match is None else _parse(match["mark"], match["body"])
    if match is None or fields is None:
        require_no_list_above(text)
        return {}, text
    nested = fields.get("metadata")
    rest: dict[str, object] = {str(k): v for k, v in fields.items() if k not in _OWN}
    if isinstance(nested, dict):
        rest.update({str(name): value for name, value in nested.items()})
    elif nested is not None:
        rest["metadata"] = nested
    known: dict[str, object] = {name: fields[name] for name in ("title", "acl") if name in fields}
    require_no_list_above(text[match.end() :])
    return {**known, "metadata": rest}, "\n" * match[0].count("\n") + text[match.end() :]


def require_no_list_above(text: str) -> None:
    """Raise InputError if the top of a text looks like fields with an access list."""
    text = _LINE_END.sub("\n", text[: _MAX * 17])
    opening = _OPENING.match(text, 0, _MAX)
    if opening is not None:
        begin = opening.start(1)
        fence = _FENCE.search(text, opening.end())  # what a text quotes further down is not its own
        end = len(text) if fence is None else fence.start()
        require_no_access_above(text[begin : min(end, begin + _MAX * 16)], in_block=True)
    head = _HEAD.match(text[:_MAX])
    require_no_access_above(head[0] if head else "", in_block=False)


def _parse(mark: str, block: str) -> dict[object, object] | None:
    """Return the mapping, or None for other YAML, such as text between two horizontal rules."""
    if mark == "+++":
        fields: dict[object, object] = {}
        return fields | parse_toml(block.encode(), what="front matter", error=AccessListError)
    import yaml

    try:
        node = _composed(block)
        found = None if node is None else yaml.SafeLoader("").construct_document(node)
    except InputError:
        raise
    except Exception as exc:  # the constructors of dates and numbers raise whatever int() does
        raise AccessListError(
            f"front matter is not YAML: {' '.join(str(exc).split())[:200]}"
        ) from exc
    return found if isinstance(found, dict) else ({} if found is None else None)


def _composed(block: str) -> "yaml.Node | None":
    """Parse to nodes. Raises InputError for aliases, deep nesting, and a field that comes twice."""
    import yaml

    loader = _shallow_loader()
    if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(block, loader)):
        raise AccessListError("YAML aliases in front matter are unsupported")  # could be a bomb
    node = yaml.compose(block, loader)
    if isinstance(node, yaml.MappingNode):
        names = Counter(str(key.value) for key, _ in node.value)
        if twice := next((name for name, count in names.items() if count > 1), None):
            raise AccessListError(f"front matter has the field {twice!a} twice; keep one")
    return node


@cache
def _shallow_loader() -> "type[yaml.SafeLoader]":
    """Return a loader that refuses deep nesting: its time grows with the square of the depth."""
    import yaml

    class ShallowLoader(yaml.SafeLoader):
        def fetch_flow_collection_start(self, token_class: type[yaml.Token]) -> None:
            if self.flow_level >= _MAX_NESTED:
                raise AccessListError("front matter is nested too deeply")
            super().fetch_flow_collection_start(token_class)

    return ShallowLoader
