"""The face: a reranker by name, whatever is behind it."""

import pytest
from tests.checkpoint_files import write_tiny_bert
from tests.rerankers import write_tiny_reranker

from simile import Document, Index, Ranked, Reranker
from simile.errors import ConfigError, InputError, ModelNotFoundError

TEXTS = ["cat", "the sky is blue", "green grass"]


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    base = tmp_path_factory.mktemp("models")
    return {
        "cross": str(write_tiny_reranker(base / "cross")),
        "embedder": str(write_tiny_bert(base / "embedder")),
    }


@pytest.mark.parametrize("kind", ["cross", "embedder"])
def test_either_kind_of_model_ranks(folders, kind):
    with Reranker(folders[kind], precision="f32") as reranker:
        ranked = reranker.rank("why is the sky blue", TEXTS)
        assert sorted(one.index for one in ranked) == [0, 1, 2]
        assert all(one == Ranked(one.index, one.score, folders[kind]) for one in ranked)
        assert reranker.max_tokens == 32 and reranker.name == folders[kind]
        assert len(reranker.fingerprint) == 32
        with pytest.raises(InputError, match="instruction"):
            reranker.rank("why", TEXTS, instruction="Find cats")


def test_models_elsewhere_rank_by_what_they_embed():
    with Reranker("ollama/nomic-embed-text") as reranker:
        assert reranker.rank("why", []) == []
    with pytest.raises(ConfigError, match="OPENAI"):
        Reranker("openai/text-embedding-3-small")


def test_a_model_that_is_not_there_is_named():
    with pytest.raises(ModelNotFoundError, match=r"\./nowhere"):
        Reranker("./nowhere")


def test_a_search_is_ranked_by_a_cross_encoder_of_that_name(folders, tmp_path):
    with Index(tmp_path / "i", embedder=folders["embedder"]) as index:
        index.add(Document(text, text) for text in TEXTS)
        hits = index.search("why is the sky blue", rerank=folders["cross"])
        again = index.search("why is the sky blue", rerank=folders["cross"])
    with Reranker(folders["cross"]) as reranker:
        wanted = reranker.rank("why is the sky blue", TEXTS)
    assert hits == again
    assert [hit.text for hit in hits] == [TEXTS[one.index] for one in wanted]
    for hit, one in zip(hits, wanted, strict=True):
        assert hit.score == hit.scores["rerank"] == pytest.approx(one.score, abs=1e-4)
