"""The lexical arm is BM25, and the masks are the access lists, compared with a few lines each."""

import math
import random
from collections import Counter
from contextlib import closing

import numpy as np
import pytest

from simile.store import EmbeddingCache, SqliteStore, StoredDocument, hash_text
from simile.types import Chunk, Document

WORDS = ["red", "green", "blue", "fish", "bird", "stone", "cloud", "lamp"]


def make(id, text, acl=("public",)):
    vectors = np.zeros((1, 4), np.float32)
    return StoredDocument(
        Document(id, text, acl=acl), [Chunk(0, len(text), text)], vectors, "h", "f"
    )


def bm25(texts, query, k1=1.2, b=0.75):
    """Robertson and others 1994, with Lucene's idf; texts are short, so their lengths are exact."""
    bags = [Counter(text.split()) for text in texts]
    mean = sum(map(Counter.total, bags)) / len(bags)
    scores = np.zeros(len(texts))
    for word in query.split():
        having = sum(word in bag for bag in bags)
        idf = math.log(1 + (len(texts) - having + 0.5) / (having + 0.5))
        for i, bag in enumerate(bags):
            norm = k1 * (1 - b + b * bag.total() / mean)
            scores[i] += idf * bag[word] * (k1 + 1) / (bag[word] + norm)
    return scores


@pytest.mark.parametrize("seed", range(5))
def test_scores_are_bm25(tmp_path, seed):
    chance = random.Random(seed)
    texts = [" ".join(chance.choices(WORDS, k=chance.randint(1, 12))) for _ in range(200)]
    with closing(SqliteStore(tmp_path, create=True, language="none")) as store:
        store.write([make(f"{i:03}", text) for i, text in enumerate(texts)])
        for _ in range(10):
            query = " ".join(chance.choices(WORDS, k=chance.randint(1, 4)))
            expected = bm25(texts, query)
            rows, scores = store.view().lexical(query, k=200)
            assert len(rows) == np.count_nonzero(expected)
            np.testing.assert_allclose(scores, expected[rows], rtol=1e-4)


def test_masks_are_the_access_lists(tmp_path):
    chance = random.Random(3)
    people = [f"user:{i}" for i in range(20)] + ["public"]
    acls = [tuple(chance.sample(people, chance.randint(1, 4))) for _ in range(500)]
    with closing(SqliteStore(tmp_path, create=True)) as store:
        store.write([make(f"{i:03}", "word", acl) for i, acl in enumerate(acls)])
        store.delete(["007", "123"])
        view = store.view()
        names = {chunk.id: chunk for chunk in store.chunks(view.ids.tolist()).values()}
        for _ in range(200):
            who = set(chance.sample(people, chance.randint(0, 5))) | {"public"}
            expected = {f"{i:03}" for i, acl in enumerate(acls) if who & set(acl)} - {"007", "123"}
            ids = view.ids[view.allowed(who)].tolist()
            assert {names[id].document_id for id in ids} == expected
            found = view.ids[view.lexical("word", k=999, principals=who)[0]].tolist()
            assert {names[id].document_id for id in found} == expected


def test_the_cache_remembers_and_survives_damage(tmp_path):
    path = tmp_path / "cache" / "embeddings.sqlite"
    hashes = [hash_text(str(i)) for i in range(1200)]
    vectors = np.arange(2400, dtype=np.float32).reshape(1200, 2)
    vectors[5] = np.nan
    with closing(EmbeddingCache(path)) as cache, closing(EmbeddingCache(path)) as other:
        cache.put("f", hashes, vectors)
        found = other.get("f", [*hashes, b"unknown"])
        assert len(found) == 1199 and found[hashes[7]].tolist() == [14, 15]
        assert other.get("g", hashes) == {}
    path.write_bytes(b"noise" * 1000)
    with closing(EmbeddingCache(path)) as cache:
        assert cache.get("f", hashes) == {}
        cache.put("f", hashes[:1], vectors[:1])
        assert len(cache.get("f", hashes)) == 1
