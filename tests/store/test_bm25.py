"""A search is what it would be in an index without the documents that its caller may not read."""

from collections import Counter
from contextlib import closing
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.fake import FakeEmbedder

from simile.index import Index
from simile.store import SqliteStore, StoredDocument, bm25, inverted, segments
from simile.types import Chunk, Document

WORDS = st.sampled_from(["red", "green", "fish", "stone", "lamp", "東京都", "東", "京都"])
TEXTS = st.lists(WORDS, min_size=1, max_size=8).map(" ".join)
WHO = st.sampled_from(["public", "user:me", "user:other"])
CHANGES = st.lists(st.tuples(st.integers(0, 12), st.none() | st.tuples(TEXTS, WHO)), max_size=25)
QUERIES = st.lists(WORDS, min_size=1, max_size=4).map(" ".join)
PHRASES = QUERIES.map('"{}"'.format)
ASKED = QUERIES | PHRASES | st.tuples(QUERIES, PHRASES).map(" ".join)
READABLE = {"public", "user:me"}


def stored(id, text, acl="public"):
    half = len(text) // 2
    chunks = [Chunk(0, half, text[:half]), Chunk(half, len(text), text[half:])]
    vectors = np.ones((2, 4), np.float32)
    return StoredDocument(Document(id, text, acl=(acl,)), chunks, vectors, "h", "f")


def found(store, query, k=99, mask=None):
    view = store.view()
    rows, scores = view.lexical(query, k=k, principals=["user:me"], mask=mask)
    chunks = store.chunks(view.ids[rows].tolist())
    places = [(chunks[id].document_id, chunks[id].ordinal) for id in view.ids[rows].tolist()]
    return list(zip(places, scores.tolist(), strict=True))


def apply(store, changes, *, only=None):
    for number, change in changes:
        if change is None or (only and change[1] not in only):
            store.delete([str(number)])
        else:
            store.write([stored(str(number), *change)])
        store.view()


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(CHANGES, st.lists(ASKED, min_size=1, max_size=5), st.integers(1, 5))
def test_scores_are_as_without_what_the_caller_may_not_read(tmp_path_factory, changes, queries, k):
    folder = tmp_path_factory.mktemp("s")
    with (
        closing(SqliteStore(folder / "all", create=True, language="none")) as everything,
        closing(SqliteStore(folder / "mine", create=True, language="none")) as mine,
    ):
        apply(everything, changes)
        apply(mine, changes, only=READABLE)
        for query in queries:
            expected = found(mine, query)
            assert sorted(found(everything, query)) == sorted(expected)
            best = [score for _, score in found(everything, query, k=k)]
            assert best == [score for _, score in expected[:k]]


def test_hybrid_scores_tell_nothing_of_what_others_hold(tmp_path):
    mine = [Document(str(i), f"word {'lamp ' * i}", acl=["user:me"]) for i in range(9)]
    others = [Document(f"x{i}", f"lamp secret {i}", acl=["user:other"]) for i in range(30)]
    hits = []
    for name, documents in (("with", mine + others), ("without", mine)):
        with Index(tmp_path / name, embedder=FakeEmbedder(dim=16)) as index:
            index.add(documents)
            for query in ("word lamp", "secret", "lamp secret 7"):
                found = index.search(query, principals=["user:me"], explain=True)
                hits.append((name, [(h.document_id, h.scores, h.explanation) for h in found]))
    assert [told for name, told in hits if name == "with"] == [
        told for name, told in hits if name == "without"
    ]


def test_which_words_of_a_long_query_count_does_not_depend_on_what_others_hold(tmp_path):
    """Of many words only the rarest count: rarest among what the caller may read."""
    words = [f"w{i}" for i in range(400)]
    with (
        closing(SqliteStore(tmp_path / "a", create=True, language="none")) as everything,
        closing(SqliteStore(tmp_path / "b", create=True, language="none")) as mine,
    ):
        for store in (everything, mine):
            store.write([stored(word, f"{word} {word}") for word in words])
        everything.write([stored(f"x{i}", " ".join(words[:200]), "user:other") for i in range(9)])
        assert found(everything, " ".join(words), k=999) == found(mine, " ".join(words), k=999)


@pytest.mark.parametrize("k", [1, 10, 100])
def test_candidates_are_those_of_all_rows(tmp_path, k):
    """Rows that cannot be among the best are not scored: what is returned stays the same."""
    chance = np.random.default_rng(k)
    words = [f"w{i}" for i in range(60)]
    shares = 1 / np.arange(1, 61)
    texts = [
        " ".join(chance.choice(words, chance.integers(2, 30), p=shares / shares.sum()))
        for _ in range(4000)
    ]
    counted = Counter[bool]()
    narrow = bm25._Sums.narrow

    def counting(self, rest, left):
        narrow(self, rest, left)
        counted[self._candidates is not None] += 1

    with closing(SqliteStore(tmp_path, create=True, language="none")) as store:
        store.write([stored(str(i), text, "user:me") for i, text in enumerate(texts)])
        mask = chance.random(8000) < 0.7
        for query in ("w55 w2 w0 w1", "w40 w41 w0", "w59 w59 w3 w2 w1 w0", "w0 w1"):
            expected = found(store, query, k, mask)
            with patch.object(bm25, "_PAYS", 0), patch.object(bm25._Sums, "narrow", counting):
                assert found(store, query, k, mask) == expected
    assert counted[True] > 0


def test_many_small_changes_leave_few_segments(tmp_path):
    with (
        patch.object(segments, "MAX_TOKENS", 500),
        patch.object(inverted, "MAX_TOKENS", 500),
        closing(SqliteStore(tmp_path / "i", create=True, language="none")) as store,
    ):
        for i in range(120):
            store.write([stored(str(i), f"word w{i} w{i % 7} lamp stone {'x ' * (i % 9)}")])
            store.flush()
        assert len(list((tmp_path / "i").glob("inverted-*.terms"))) < 16
        assert len(found(store, "word")) == 99 and len(found(store, "w119")) == 1
        many = found(store, "w3 lamp", k=999)
    with closing(SqliteStore(tmp_path / "i")) as store:
        assert store.check().problems == ()
        assert found(store, "w3 lamp", k=999) == many
        assert store.check(repair=True).problems == ()
        store._view = store._new_view(rebuild=True)
        assert found(store, "w3 lamp", k=999) == many
