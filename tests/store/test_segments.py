"""A segment holds where each term occurs; building, merging, saving and loading agree."""

from collections import defaultdict
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simile.store import segments
from simile.store.segments import END, Segment, build, load, merge, size_of

CHUNKS = st.lists(st.lists(st.text(min_size=1, max_size=3), max_size=6), min_size=1, max_size=12)


def numbered(chunks):
    return [(7 + 3 * i, words) for i, words in enumerate(chunks)]


def where(segment, term):
    found = segment.postings(term)
    assert found is not None
    return found


def assert_same(one, other):
    for name, values in one._arrays().items():
        np.testing.assert_array_equal(values, getattr(other, name), strict=True)


@settings(max_examples=60, deadline=None)
@given(CHUNKS)
def test_postings_are_where_the_words_are(chunks):
    [segment] = build(numbered(chunks))
    places = defaultdict(list)
    for row, words in enumerate(chunks):
        for position, word in enumerate(words):
            places[word].append((row, position))
    assert segment.terms() == sorted(word.encode() for word in places)
    assert segment.postings("missing") is None and segment.tokens == sum(map(len, chunks))
    assert segment.ids.tolist() == [id for id, _ in numbered(chunks)]
    assert segment.lengths.tolist() == [len(words) for words in chunks]
    for word, expected in places.items():
        found = where(segment, word)
        rows = found.rows.repeat(found.counts).tolist()
        assert list(zip(rows, found.positions.tolist(), strict=True)) == expected


@settings(max_examples=40, deadline=None)
@given(CHUNKS, st.integers(1, 9))
def test_parts_merge_into_the_whole(chunks, size):
    [whole] = build(numbered(chunks))
    with patch.object(segments, "MAX_TOKENS", size):
        parts = list(build(numbered(chunks)))
    assert_same(merge(parts), whole)


def test_a_saved_segment_is_loaded_as_it_was(tmp_path):
    [segment] = build([(1, ["b", "a", "b"]), (2, []), (5, ["ä", "東京"])])
    lengths = segment.save(tmp_path / "x")
    assert (tmp_path / "x").stat().st_size == size_of(lengths)
    assert_same(load(tmp_path / "x", lengths), segment)
    with pytest.raises(FileExistsError):
        segment.save(tmp_path / "x")


def test_a_segment_without_words_can_be_kept(tmp_path):
    [segment] = build([(1, []), (2, [])])
    lengths = segment.save(tmp_path / "x")
    assert load(tmp_path / "x", lengths).postings("a") is None
    assert where(merge([segment, *build([(3, ["a"])])]), "a").rows.tolist() == [2]


def test_words_beyond_the_last_position_are_found():
    [segment] = build([(1, ["a"] * (END + 10) + ["b"])])
    assert where(segment, "b").positions.tolist() == [END]
    assert where(segment, "a").counts.tolist() == [END + 10]


def test_a_letter_begins_words_of_two_letters():
    [segment] = build([(1, ["東"]), (2, ["東京"]), (3, ["東京都"]), (4, ["南東"])])
    rows = [postings.rows.tolist() for postings in Segment.beginning(segment, "東")]
    assert rows == [[0], [1]]
