"""What models of one's own give is taken as float32 of the right shape, or refused in words."""

import numpy as np
import pytest
from tests.fake import FakeEmbedder

from simile.errors import EngineError
from simile.index import Index
from simile.retrieval.rerank import EmbeddingReranker
from simile.types import Document

DOCUMENTS = [Document(f"d{place}", f"apple {place}") for place in range(3)]


class Given(FakeEmbedder):
    def __init__(self, change, *, dim=16, role=None):
        super().__init__(dim=dim)
        self._change, self._role = change, role

    def embed(self, texts, *, role):
        vectors = super().embed(texts, role=role)
        return self._change(vectors) if self._role in (None, role) else vectors


@pytest.mark.parametrize(
    "change",
    [lambda v: v.tolist(), lambda v: v.astype(np.float64), lambda v: v.astype(object)],
    ids=["list", "float64", "objects"],
)
def test_numbers_of_any_kind_are_taken(tmp_path, change):
    model = Given(change)
    with Index(tmp_path / "i", embedder=model) as index:
        index.add(DOCUMENTS)
        assert len(index.search("apple", rerank=model)) == 3


@pytest.mark.parametrize(
    "change",
    [lambda v: [[1.0], [2.0, 3.0]], lambda v: [["a"] * 16] * len(v), lambda v: None,
     lambda v: v[:, :3], lambda v: v[:-1], lambda v: v.ravel()],
    ids=["ragged", "words", "none", "narrow", "fewer", "flat"],
)  # fmt: skip
@pytest.mark.parametrize("role", ["query", "document"])
def test_what_is_no_vector_for_each_text_is_an_engine_error(tmp_path, change, role):
    model = Given(change, role=role)
    with Index(tmp_path / "i", embedder=model) as index:
        with pytest.raises(EngineError, match="expected one vector of width 16 per text"):
            index.add(DOCUMENTS)
            index.search("apple")
    with pytest.raises(EngineError, match="expected one vector of width 16 per text"):
        EmbeddingReranker(model).rank("apple", ["apple", "pear"])


def test_a_remembered_vector_of_another_width_is_computed_anew(tmp_path):
    class Named(FakeEmbedder):
        fingerprint = "two models of one name"

    for dim in (16, 8):
        with Index(tmp_path / f"i{dim}", embedder=Named(dim=dim)) as index:
            assert index.add(DOCUMENTS).embedded == 3
            assert len(index.search("apple")) == 3
