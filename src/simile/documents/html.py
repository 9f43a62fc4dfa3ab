"""Read HTML: its visible text, with headings in Markdown notation, and its title.

selectolax (Lexbor, a parser in C that follows the HTML standard) reads any tag soup in linear time.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from simile.documents.access import require_no_access
from simile.documents.fields import title_of
from simile.documents.front_matter import require_no_list_above
from simile.documents.reading import FileLimits, decode, read_bytes
from simile.extras import optional
from simile.types import Document

_HIDDEN = frozenset(
    "head script style noscript template svg math iframe object audio video canvas select".split()
)
_BLOCKS = frozenset(
    """address article aside blockquote body br caption dd details dialog div dl dt fieldset
    figcaption figure footer form h1 h2 h3 h4 h5 h6 header hr html li main menu nav ol option p pre
    section summary table tbody tfoot thead tr ul""".split()
)
_PARAGRAPHS = frozenset("p h1 h2 h3 h4 h5 h6 pre table ul ol dl blockquote section article".split())
_CHARSET = re.compile(rb"<meta[^>]{0,200}charset\s*=\s*[\"']?\s*([\w-]{2,40})", re.I)
_SPACE = re.compile(r"[ \t\r\n\f]+")


def read_html(path: Path, name: str, acl: Sequence[str], limits: FileLimits) -> Document:
    """Read the visible text of a page. Raises InputError if the file exceeds the limit."""
    parser = optional("selectolax.lexbor", extra="html").LexborHTMLParser
    page = _decoded(read_bytes(path, limits))
    require_no_list_above(page)
    tree = parser(page)
    require_no_access({str(meta.attributes["name"]): "" for meta in tree.css("meta[name]")})
    title = tree.css_first("title") or tree.css_first("h1")
    words = " ".join(title.text().split()) if title is not None else None
    text = _visible(tree.body) if tree.body is not None else ""
    return Document(name, text, title_of(words), {}, tuple(acl))


def _decoded(data: bytes) -> str:
    """Decode by byte order mark, meta element, or as UTF-8 (HTML standard, 13.2.3.2)."""
    named = _CHARSET.search(data[:1024])
    if named and not data.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")):
        try:
            return data.decode(named[1].decode("ascii"), errors="replace")
        except (LookupError, ValueError):  # some names of codecs are of none for text
            pass
    return decode(data)


def _visible(root: Any) -> str:
    """Walk without recursion: a page may be nested 100,000 deep."""
    writer = _Writer()
    node, entering = root, True
    while node is not None:
        down = entering and writer.enter(node)
        if down and node.child is not None:
            node = node.child
            continue
        writer.leave(node)
        if node.mem_id == root.mem_id:  # `==` compares the markup: quadratic.
            break
        entering = node.next is not None
        node = node.next if entering else node.parent
    return writer.text()


class _Writer:
    """Collects text; collapses whitespace as HTML does, except in `pre`."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self.preformatted = 0
        self.gap = ""
        """What to write before the next text: nothing, a space, or line ends."""

    def enter(self, node: Any) -> bool:
        """Write a text or open an element; return whether its children are visible."""
        tag = node.tag or "-"  # None for what is written <?...>
        if tag == "-text":
            self._write(node.text_content or "")
            return False
        if tag in _HIDDEN or tag.startswith(("-", "!", "_")) or "hidden" in node.attributes:
            return False
        self._break(tag)
        if tag == "pre":
            self.preformatted += 1
        elif tag in ("td", "th"):
            self._separate("\t")
        elif len(tag) == 2 and tag[0] == "h" and tag[1] in "123456":
            self._emit("#" * int(tag[1]) + " ")
        elif tag == "li":
            self._emit("- ")
        return True

    def leave(self, node: Any) -> None:
        if node.tag == "pre":
            self.preformatted -= 1
        self._break(node.tag or "")

    def text(self) -> str:
        return "".join(self.parts)

    def _break(self, tag: str) -> None:
        if tag in _BLOCKS:
            self._separate("\n\n" if tag in _PARAGRAPHS else "\n")

    def _separate(self, gap: str) -> None:
        if len(gap) > len(self.gap) or (gap != " " and self.gap == " "):
            self.gap = gap

    def _emit(self, text: str) -> None:
        if self.parts:
            self.parts.append(self.gap)
        self.gap = ""
        self.parts.append(text)

    def _write(self, text: str) -> None:
        if self.preformatted:
            self._emit(text)
            return
        words = _SPACE.sub(" ", text)
        if words.startswith(" "):
            self._separate(" ") if not self.gap else None
        if words.strip(" "):
            self._emit(words.strip(" "))
            self.gap = " " if words.endswith(" ") else ""
