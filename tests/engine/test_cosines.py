"""An embedding model as a reranker: what a server submits, and what a caller ranks with."""

from typing import Any

import numpy as np
import pytest
from tests.checkpoint_files import write_json, write_tiny_bert

from simile.engine.cosines import CosineScorer
from simile.engine.embedder import LocalEmbedder
from simile.errors import InputError
from simile.hub.plain_folder import open_folder
from simile.protocols import RankModel
from simile.retrieval.rerank import EmbeddingReranker

TEXTS = ["cat", "the sky is blue", "green grass", "cat", ""]


@pytest.fixture(scope="module")
def embedder(tmp_path_factory):
    folder = write_tiny_bert(tmp_path_factory.mktemp("embedder"), normalize=False)
    write_json(
        folder / "config_sentence_transformers.json",
        {"prompts": {"query": "search: ", "document": "text: "}},
    )
    loaded = LocalEmbedder(open_folder(str(folder)), precision="f32")
    yield loaded
    loaded.close()


def test_scores_are_cosines_of_a_query_and_documents(embedder):
    ranker: RankModel = EmbeddingReranker(embedder)
    query = embedder.embed(["why is the sky blue"], role="query")[0]
    texts = embedder.embed(TEXTS, role="document")
    cosines = texts @ query / np.linalg.norm(texts, axis=1) / np.linalg.norm(query)
    ranked = ranker.rank("why is the sky blue", TEXTS)
    for one in ranked:
        assert one.score == pytest.approx(cosines[one.index], abs=1e-5)
        assert one.model == embedder.name
    assert [one.score for one in ranked] == sorted((one.score for one in ranked), reverse=True)
    assert ranker.rank("why is the sky blue", TEXTS, top_k=1, raw_scores=True) == ranked[:1]
    submitted = CosineScorer(embedder).submit("why is the sky blue", TEXTS).result(timeout=60)
    np.testing.assert_allclose(submitted.scores, cosines, atol=1e-5)


def test_counts_are_those_of_the_texts(embedder):
    result = CosineScorer(embedder).submit("sky", TEXTS, max_tokens=5).result(timeout=60)
    wanted = embedder.submit(TEXTS, role="document", max_tokens=5).result(timeout=60)
    assert result.token_counts.tolist() == wanted.token_counts.tolist()
    assert result.truncated.tolist() == wanted.truncated.tolist()


def test_no_text_is_no_score_and_an_instruction_is_refused(embedder):
    ranker = EmbeddingReranker(embedder)
    assert ranker.rank("sky", []) == []
    with pytest.raises(InputError, match="instruction"):
        ranker.rank("sky", ["cat"], instruction="Find cats")


def test_what_is_no_query_and_no_list_is_refused_before_it_is_embedded(embedder):
    calls: list[Any] = [EmbeddingReranker(embedder).rank, CosineScorer(embedder).submit]
    for refuse in calls:
        with pytest.raises(InputError, match="query is int"):
            refuse(1, ["cat"])
        with pytest.raises(InputError, match="texts is one string"):
            refuse("sky", "cat")
        with pytest.raises(InputError, match="text 1 is int"):
            refuse("sky", ["cat", 1])
    with pytest.raises(InputError, match="top_k is -1"):
        EmbeddingReranker(embedder).rank("sky", ["cat"], top_k=-1)
