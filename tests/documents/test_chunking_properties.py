"""What holds for the chunks of every text, whatever it is and whatever it is taken for."""

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simile.documents.chunking import chunk
from simile.documents.markdown import markdown_blocks
from simile.types import Document

from .texts import anything, count_tokens

kinds = st.sampled_from(["markdown", "python", "code", "prose"])


def chunks_of(text, kind, **sizes):
    return chunk(Document("x", text), count_tokens=count_tokens, kind=kind, **sizes)


@given(anything, kinds, st.integers(1, 60), st.integers(0, 20), st.integers(0, 10))
def test_chunks_are_spans_with_right_lines_in_order(text, kind, size, smallest, overlap):
    overlap = min(overlap, size // 2)
    sizes = {"max_tokens": size, "min_tokens": smallest, "overlap_tokens": overlap}
    start = -1
    for part in chunks_of(text, kind, **sizes):
        assert text[part.start : part.end] == part.text
        assert part.text.strip()
        assert part.start > start
        start = part.start
        assert part.lines[0] == text.count("\n", 0, part.start) + 1
        assert part.lines[1] == text.count("\n", 0, part.end) + 1


@given(anything, kinds, st.integers(1, 60), st.integers(0, 20))
def test_every_character_that_is_not_blank_is_in_exactly_one_chunk(text, kind, size, smallest):
    end = 0
    for part in chunks_of(text, kind, max_tokens=size, min_tokens=smallest):
        assert part.start >= end
        assert not text[end : part.start].strip()
        end = part.end
    assert not text[end:].strip()


@given(anything, kinds, st.integers(1, 60), st.integers(0, 20), st.integers(0, 10))
def test_overlapping_chunks_cover_the_text_too(text, kind, size, smallest, overlap):
    sizes = {"max_tokens": size, "min_tokens": smallest, "overlap_tokens": min(overlap, size // 2)}
    covered: set[int] = set()
    for part in chunks_of(text, kind, **sizes):
        covered.update(range(part.start, part.end))
    assert all(not text[at].strip() for at in set(range(len(text))) - covered)


@given(anything, kinds, st.integers(1, 60), st.integers(0, 20))
def test_no_chunk_is_larger_than_the_limit(text, kind, size, smallest):
    for part in chunks_of(text, kind, max_tokens=size, min_tokens=smallest):
        assert count_tokens([part.text])[0] <= size
        assert len(part.text) <= 16 * size


@given(st.lists(anything, min_size=1, max_size=5), kinds, st.integers(5, 60))
def test_a_chunk_knows_the_page_it_starts_on(texts, kind, size):
    text = "\n\n".join(texts)
    pages = [0]
    for page in texts[:-1]:
        pages.append(pages[-1] + len(page) + 2)
    document = Document("x.pdf", text, pages=pages)
    for part in chunk(document, count_tokens=count_tokens, max_tokens=size, kind=kind):
        assert part.page is not None
        assert pages[part.page - 1] <= part.start
        assert part.page == len(pages) or part.start < pages[part.page]


HEADING = re.compile(r" {0,3}(#{1,6})(?:[ \t]+(.*?))?(?:[ \t]+#+)?[ \t]*$")
"""CommonMark's section 4.2, written plainly: its time grows with the square of a line's blanks."""


@given(st.text("# \tab\r", max_size=12))
def test_headings_are_those_of_the_plain_pattern(line):
    plain, block = HEADING.match(line.rstrip("\r")), markdown_blocks(line)[0]
    words = (plain[2] or "").strip() if plain else ""
    assert block.opens_section == (plain is not None)
    assert block.headings == ((words,) if words else ())


@pytest.mark.parametrize(
    "line",
    ["# a" + " " * 980 + "x\n", "|\n" + " " * 980 + "-x\n", "|\n|" + "- " * 480 + "x\n"],
    ids=["heading", "rule", "cells"],
)
def test_blanks_in_a_line_cost_once(line):
    before = time.process_time()
    assert len(markdown_blocks(line * 5_000)) >= 1
    assert time.process_time() - before < 20  # a minute, where each blank looks at all after it
