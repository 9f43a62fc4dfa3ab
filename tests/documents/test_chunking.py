"""Where chunks are cut, and what goes with them."""

from itertools import pairwise

import pytest

from simile.documents.chunking import chunk
from simile.documents.headings import embedded_text
from simile.errors import InputError
from simile.types import Document

from .texts import count_tokens


def chunks_of(text, document_id="a.md", **options):
    return chunk(Document(document_id, text), count_tokens=count_tokens, **options)


def sentence(word, count=10):
    return " ".join([word.capitalize()] * count) + "."


def test_headings_are_the_path_to_the_chunk():
    text = f"# A\n\n{sentence('one', 70)}\n\n## B\n\n{sentence('two', 70)}\n\n# C\n\n"
    text += sentence("three", 70)
    parts = chunks_of(text)
    assert [part.headings for part in parts] == [("A",), ("A", "B"), ("C",)]
    assert parts[1].text.startswith("## B\n\nTwo")
    assert parts[1].lines == (5, 7)


def test_underlined_headings_count():
    text = f"Title\n=====\n\n{sentence('one', 70)}\n\nSub\n---\n{sentence('two', 70)}"
    assert [part.headings for part in chunks_of(text)] == [("Title",), ("Title", "Sub")]


def test_a_hash_in_a_fence_is_no_heading():
    text = f"# A\n\n```sh\n# not a heading\n\n{sentence('run', 80)}\n```\n"
    assert [part.headings for part in chunks_of(text)] == [("A",)]


def test_a_fence_stays_whole():
    fence = "```\n" + "\n\n".join([sentence("code")] * 5) + "\n```"
    text = f"{sentence('before', 30)}\n\n{fence}\n\n{sentence('after', 30)}"
    assert any(fence in part.text for part in chunks_of(text, max_tokens=70, min_tokens=5))


def test_a_long_table_is_cut_between_its_rows():
    rows = [f"| {number} | {sentence('cell', 5)} |" for number in range(30)]
    text = "\n".join(["| n | words |", "|---|---|", *rows])
    parts = chunks_of(text, max_tokens=60, min_tokens=5)
    assert len(parts) > 3
    assert all(line.endswith("|") for part in parts for line in part.text.splitlines())


def test_a_long_paragraph_is_cut_between_its_sentences():
    text = " ".join(sentence(f"word{number}", 8) for number in range(20))
    parts = chunks_of(text, max_tokens=50, min_tokens=5)
    assert len(parts) > 2
    assert all(part.text.endswith(".") for part in parts)


@pytest.mark.parametrize("end", ["。", "！", "؟ ", "। "])
def test_sentences_of_other_scripts_are_known(end):
    text = ("検索拡張生成" * 3 + end) * 30
    parts = chunks_of(text, max_tokens=30, min_tokens=5)
    assert len(parts) > 2
    assert all(part.text.endswith(end.strip()) for part in parts)


def test_a_script_without_spaces_or_signs_is_cut_by_width():
    parts = chunks_of("ก" * 1000, max_tokens=30, min_tokens=5)
    assert max(count_tokens([part.text])[0] for part in parts) <= 30
    assert "".join(part.text for part in parts) == "ก" * 1000


def test_an_emoji_with_joiners_is_not_cut():
    family = "👩‍👩‍👧‍👦"
    for part in chunks_of(family * 40, max_tokens=20, min_tokens=1):
        assert part.text.count(family) * len(family) == len(part.text)


def test_a_small_section_joins_its_neighbor():
    text = f"# A\n\n## B\n\nshort\n\n## C\n\n{sentence('long', 80)}"
    parts = chunks_of(text)
    assert len(parts) == 1
    assert parts[0].headings == ("A",)


def test_a_small_section_at_the_end_joins_the_last_of_its_chapter():
    text = f"# A\n\n{sentence('long', 80)}\n\n## B\n\nshort\n\n# C\n\n{sentence('other', 80)}"
    first, second = chunks_of(text)
    assert first.text.endswith("short")
    assert second.headings == ("C",)


def test_a_long_section_is_filled_evenly():
    text = "\n\n".join([sentence("x", 19)] * 21)  # 420 tokens and blank lines: two halves
    sizes = [count_tokens([part.text])[0] for part in chunks_of(text)]
    assert len(sizes) == 2
    assert min(sizes) > 180


def test_python_is_cut_at_definitions():
    body = "\n".join(f"        value_{number} = {number}" for number in range(20))
    text = f"class A:\n    def f(self):\n{body}\n\n    def g(self):\n{body}\n"
    parts = chunks_of(text, "a.py", min_tokens=20)
    assert [part.headings for part in parts][-2:] == [("A",), ("A", "g")]
    assert parts[-1].text.startswith("    def g")


def test_overlap_repeats_whole_sentences():
    text = " ".join(sentence(f"w{number}", 4) for number in range(30))
    parts = chunks_of(text, max_tokens=40, min_tokens=5, overlap_tokens=8)
    for before, after in pairwise(parts):
        assert after.start < before.end
        assert count_tokens([text[after.start : before.end]])[0] <= 8


def test_the_heading_path_counts_in_the_models_window():
    text = f"# {'heading ' * 9}\n\n" + " ".join(sentence("word") for _ in range(20))
    document = Document("a.md", text)
    for part in chunk(document, count_tokens=count_tokens, window_tokens=60, min_tokens=5):
        assert count_tokens([embedded_text(document.title, part)])[0] <= 60


def test_the_embedded_text_has_title_and_headings_once():
    text = f"# A\n\n{sentence('one', 70)}\n\n## B\n\n{sentence('two', 70)}"
    document = Document("a.md", text, title="Manual")
    first, second = chunk(document, count_tokens=count_tokens)
    assert embedded_text(document.title, first).startswith("Manual\n# A\n")
    assert embedded_text(document.title, second).startswith("Manual > A\n## B\n")
    plain = Document("b.txt", "Only text.")
    assert embedded_text(plain.title, chunk(plain, count_tokens=count_tokens)[0]) == "Only text."


@pytest.mark.parametrize("text", ["", " \n\t\r\n", "\n" * 1000])
def test_nothing_but_blanks_has_no_chunks(text):
    assert chunks_of(text) == []


@pytest.mark.parametrize("sizes", [{"max_tokens": 0}, {"min_tokens": -1}, {"overlap_tokens": 300}])
def test_sizes_that_make_no_sense_are_an_error(sizes):
    with pytest.raises(InputError, match="max_tokens"):
        chunks_of("text", **sizes)


@pytest.mark.parametrize(
    "text",
    ["x" * 2**20, "word " * 2**18, "." * 2**20, "? " * 2**18, "\u200d" * 2**18, " " * 2**20 + "x"],
)
@pytest.mark.parametrize("kind", ["prose", "markdown", "python"])
def test_a_line_of_a_megabyte_is_cut_in_linear_work(text, kind):
    read = 0

    def counted(texts):
        nonlocal read
        read += sum(map(len, texts))
        assert max(map(len, texts)) <= 16 * 800
        return count_tokens(texts)

    parts = chunk(Document("x", text), count_tokens=counted, kind=kind)
    assert sum(len(part.text.replace(" ", "")) for part in parts) == len(text.replace(" ", ""))
    assert read <= 6 * len(text)
