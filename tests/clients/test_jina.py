"""LlamaIndex's client of Jina: https://pypi.org/project/llama-index-postprocessor-jinaai-rerank."""

import pytest
from tests.clients.conftest import MODEL, PASSAGES, QUERY, RERANKER


@pytest.fixture
def rerank(package, rerank_url):
    schema = package("llama_index.core.schema")

    def rerank(**options):
        processor = package("llama_index.postprocessor.jinaai_rerank").JinaRerank(
            **{
                "model": RERANKER,
                "base_url": f"{rerank_url}/v1",
                "api_key": "unused",
                "top_n": len(PASSAGES),
            }
            | options
        )
        nodes = [
            schema.NodeWithScore(node=schema.TextNode(text=text, id_=str(place)))
            for place, text in enumerate(PASSAGES)
        ]
        best = processor.postprocess_nodes(nodes, query_str=QUERY)
        return [(int(one.node.node_id), one.score) for one in best]

    return rerank


def test_nodes_are_ranked_as_by_the_reranker(rerank, ranked):
    assert rerank() == ranked
    assert rerank(top_n=1) == ranked[:1]


def test_an_embedding_model_ranks_too(rerank, expected):
    (query,) = expected([QUERY], role="query")
    cosines = expected(PASSAGES, role="document") @ query
    scores = dict(rerank(model=MODEL))
    assert [scores[place] for place in range(len(PASSAGES))] == pytest.approx(cosines, abs=1e-6)


def test_an_unknown_model(rerank):
    with pytest.raises(RuntimeError, match='model "nope" not found'):
        rerank(model="nope")
