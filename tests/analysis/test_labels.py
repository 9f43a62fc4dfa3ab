"""Files of labels to examples."""

import pytest

from simile.analysis.labels import read_labels, words_of
from simile.errors import InputError

EXAMPLES = [("where is it", "card_arrival"), ("it is gone", "lost_card")]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("l.json", '{"card_arrival": ["where is it"], "lost_card": "it is gone"}'),
        ("l.json", '[{"text": "where is it", "label": "card_arrival"}, '
                   '{"text": "it is gone", "label": "lost_card"}]'),
        ("l.ndjson", '{"text": "where is it", "label": "card_arrival"}\n\n'
                     '{"text": "it is gone", "label": "lost_card"}\n'),
        ("l.csv", "text,label\nwhere is it,card_arrival\nit is gone,lost_card\n"),
        ("l.tsv", "label\ttext\ncard_arrival\twhere is it\nlost_card\tit is gone\n"),
        ("l.txt", "card_arrival\twhere is it\nlost_card\tit is gone\n"),
    ],
)  # fmt: skip
def test_texts_with_their_labels_are_read(tmp_path, name, content):
    (tmp_path / name).write_text(content, encoding="utf-8")
    read = read_labels(tmp_path / name)
    assert list(zip(read.texts, read.labels, strict=True)) == EXAMPLES


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("l.txt", "card_arrival\nlostCard\n"),
        ("l.json", '["card_arrival", "lostCard"]'),
        ("l.json", '{"card_arrival": [], "lostCard": null}'),
    ],
)
def test_names_alone_are_read_as_words(tmp_path, name, content):
    (tmp_path / name).write_text(content, encoding="utf-8")
    read = read_labels(tmp_path / name)
    assert (read.texts, read.labels) == (
        ["card arrival", "lost card"],
        ["card_arrival", "lostCard"],
    )


def test_words_of_a_name():
    assert [words_of(name) for name in ("a-b/c", "ATM", "__")] == ["a b c", "ATM", "__"]


def test_a_repeated_example_counts_once(tmp_path):
    (tmp_path / "l.txt").write_text("a\tx\nb\ty\na\tx\n", encoding="utf-8")
    read = read_labels(tmp_path / "l.txt")
    assert (read.texts, read.merged, read.contradictions) == (["x", "y"], 1, [])


def test_a_text_with_two_labels_is_told_with_both_lines(tmp_path):
    (tmp_path / "l.txt").write_text("a\tx\nb\ty\nb\tx\n", encoding="utf-8")
    read = read_labels(tmp_path / "l.txt")
    assert read.labels == ["a", "b"]
    [line] = read.contradictions
    assert "line 3" in line
    assert "line 1" in line


def test_a_label_that_comes_twice_in_json_keeps_all_its_texts(tmp_path):
    (tmp_path / "l.json").write_text('{"a": ["x"], "b": ["y"], "a": ["z"]}', encoding="utf-8")
    assert read_labels(tmp_path / "l.json").texts == ["x", "y", "z"]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("l.json", "{"),
        ("l.json", "3"),
        ("l.json", '{"a": [1], "b": "x"}'),
        ("l.json", '[["a", "b"]]'),
        ("l.ndjson", '{"text": "x"}\n'),
        ("l.txt", "a\tx\nb\n"),
        ("l.txt", "a\tx\n\ty\n"),
        ("l.txt", "a\n"),
        ("l.txt", ""),
    ],
)
def test_what_cannot_be_read_is_refused(tmp_path, name, content):
    (tmp_path / name).write_text(content, encoding="utf-8")
    with pytest.raises(InputError):
        read_labels(tmp_path / name)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("l.ndjson", '{"text": "one\u2028two\x85", "label": "a"}\n{"text": "y", "label": "b"}'),
        ("l.txt", "a\tone\u2028two\nb\ty\n"),
        ("l.csv", 'label,text\na,"one\u2028two"\nb,y\n'),
    ],
)
def test_only_line_feeds_end_lines(tmp_path, name, content):
    (tmp_path / name).write_text(content, encoding="utf-8")
    read = read_labels(tmp_path / name)
    assert (read.texts, read.labels) == (["one\u2028two", "y"], ["a", "b"])


def test_a_quoted_field_may_be_long_and_of_several_lines(tmp_path):
    long = "x" * 200_000
    (tmp_path / "l.csv").write_text(f'label,text\na,"one\ntwo"\nb,{long}\n', encoding="utf-8")
    assert read_labels(tmp_path / "l.csv").texts == ["one\ntwo", long]


@pytest.mark.parametrize("name", ["l.json", "l.ndjson"])
def test_json_too_deep_to_read_is_no_json(tmp_path, name):
    (tmp_path / name).write_text("[" * 100_000, encoding="utf-8")
    with pytest.raises(InputError, match="not JSON"):
        read_labels(tmp_path / name)


def test_half_a_surrogate_pair_is_replaced(tmp_path):
    (tmp_path / "l.json").write_text('{"a\\ud800": "x", "b": "y\\udc00"}', encoding="utf-8")
    read = read_labels(tmp_path / "l.json")
    assert (read.labels, read.texts) == (["a\ufffd", "b"], ["x", "y\ufffd"])
