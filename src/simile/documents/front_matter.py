"""Read front matter, the YAML block at the top of a Markdown file: title, acl, metadata.

The document's text begins with as many empty lines as the block has, so that line numbers match
the file and the block is not embedded.
"""

import re

from simile.errors import InputError

_BLOCK = re.compile(r"---[ \t]*\r?\n(.*?)^(?:---|\.\.\.)[ \t]*(?:\r?\n|\Z)", re.S | re.M)
_MAX = 65_536
"""Most characters of the block; two horizontal rules farther apart are not front matter."""
_OWN = ("title", "acl", "metadata")


def split_front_matter(text: str) -> tuple[dict[str, object], str]:
    """Return the fields and the text after them; no fields if the file has no front matter.

    Fields other than `title`, `acl` and a mapping `metadata` are metadata too. Raises InputError
    if the block is not YAML, since an access list in it must not be lost.
    """
    match = _BLOCK.match(text, 0, min(len(text), _MAX)) if text.startswith("---") else None
    if match is None:
        return {}, text
    fields = _parse(match[1])
    if fields is None:
        return {}, text
    nested = fields.get("metadata")
    rest: dict[str, object] = {str(k): v for k, v in fields.items() if k not in _OWN}
    if isinstance(nested, dict):
        rest.update({str(name): value for name, value in nested.items()})
    elif nested is not None:
        rest["metadata"] = nested
    known: dict[str, object] = {name: fields[name] for name in ("title", "acl") if name in fields}
    return {**known, "metadata": rest}, "\n" * match[0].count("\n") + text[match.end() :]


def _parse(block: str) -> dict[object, object] | None:
    """Return the mapping, or None for other YAML, such as text between two horizontal rules."""
    import yaml

    try:
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(block, yaml.SafeLoader)):
            raise InputError("YAML aliases in front matter are unsupported")  # could be a bomb
        fields = yaml.safe_load(block)
    except (yaml.YAMLError, ValueError, RecursionError) as exc:
        raise InputError(f"front matter is not YAML: {' '.join(str(exc).split())}") from exc
    return fields if isinstance(fields, dict) else ({} if fields is None else None)
