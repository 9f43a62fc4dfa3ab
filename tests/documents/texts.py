"""Generated texts of every kind, and a tokenizer that is easy to reason about."""

import re

from hypothesis import strategies as st

_TOKEN = re.compile(r"\w{1,6}|[^\w\s]|\n\s*\n")


def count_tokens(texts):
    """Words in pieces of six characters, signs, and (as BPE has them) blank lines."""
    return [len(_TOKEN.findall(text)) for text in texts]


words = st.sampled_from(
    "alpha beta gamma delta supercalifragilistic Dr. e.g. 3.14 end. why? yes! naïve Ünïcode "
    "检索增强生成。 東京タワー、 ข้อความภาษาไทย สวัสดี 👩‍👩‍👧‍👦 🇩🇪 e\u0301 \u200f مرحبا؟ नमस्ते। "
    "`code` | # - ``` --- x".split(" ")
)
spaces = st.sampled_from([" ", " ", " ", "\n", "\r\n", "\t", "\n\n", "\r\n\r\n", " \n \n", ""])
prose = st.lists(st.tuples(words, spaces), max_size=60).map(
    lambda parts: "".join(word + space for word, space in parts)
)
_lines = st.lists(st.lists(words, max_size=8).map(" ".join), min_size=1, max_size=5)


def _markdown_part(draw_kind, lines, ending):
    body = ending.join(lines)
    table = ending.join(["| a | b |", "|---|---|", *(f"| {line} | x |" for line in lines)])
    return {
        "text": body,
        "heading": f"## {lines[0]}",
        "deep": f"#### {lines[0]} ####",
        "underlined": f"{lines[0]}{ending}====",
        "fence": f"```py{ending}{ending}# no heading{ending}{body}{ending}```",
        "open": f"~~~{ending}{body}",
        "table": table,
        "list": ending.join(f"- {line}" for line in lines),
    }[draw_kind]


_kinds = st.sampled_from("text heading deep underlined fence open table list".split())
endings = st.sampled_from(["\n", "\r\n"])


@st.composite
def markdown(draw):
    ending = draw(endings)
    parts = draw(st.lists(st.tuples(_kinds, _lines), max_size=12))
    return (ending * 2).join(_markdown_part(kind, lines, ending) for kind, lines in parts)


@st.composite
def python(draw):
    ending = draw(endings)
    lines: list[str] = []
    for number in range(draw(st.integers(0, 8))):
        indent = draw(st.sampled_from(["", "    "])) if lines else ""
        lines += [f"{indent}class C{number}:"] if not indent else []
        lines += ["    @property", f"    def f{number}(self):", f"        '''{draw(words)}'''"]
        lines += ["", "        return 1"] if draw(st.booleans()) else ["        pass"]
        lines += [""] * draw(st.integers(0, 2))
    return ending.join(lines)


anything = st.one_of(prose, markdown(), python(), st.text(max_size=300))
