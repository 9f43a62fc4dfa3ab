"""Clients of text-embeddings-inference: LlamaIndex's two, and huggingface_hub's.

https://pypi.org/project/llama-index-postprocessor-tei-rerank,
https://pypi.org/project/llama-index-embeddings-text-embeddings-inference and
https://pypi.org/project/huggingface-hub. None of them names a model.
"""

import asyncio

import numpy as np
import pytest
from tests.clients.conftest import MODEL, PASSAGES, QUERY, TEXTS


@pytest.fixture
def rerank(package, rerank_url):
    schema = package("llama_index.core.schema")

    def rerank(query=QUERY, **options):
        module = package("llama_index.postprocessor.tei_rerank")
        processor = module.TextEmbeddingInference(base_url=rerank_url, **options)
        nodes = [
            schema.NodeWithScore(node=schema.TextNode(text=text, id_=str(place)))
            for place, text in enumerate(PASSAGES)
        ]
        best = processor.postprocess_nodes(nodes, query_str=query)
        return [(int(one.node.node_id), one.score) for one in best]

    return rerank


def test_nodes_are_ranked_as_by_the_reranker(rerank, ranked):
    assert rerank() == ranked
    assert rerank(top_n=1) == ranked[:1]


def test_an_error_ranks_nothing(rerank):
    """The client does not look at the status: it trips over an answer of another shape."""
    with pytest.raises((AssertionError, TypeError)):
        rerank(query="")


@pytest.fixture
def embedding(package, rerank_url):
    module = package("llama_index.embeddings.text_embeddings_inference")
    return module.TextEmbeddingsInference(
        model_name=MODEL, base_url=rerank_url, query_instruction="", text_instruction=""
    )


def test_vectors_are_the_embedders(embedding, vectors):
    assert np.allclose(embedding.get_text_embedding_batch(list(TEXTS)), vectors, atol=1e-6)
    assert np.allclose(embedding.get_text_embedding(TEXTS[0]), vectors[0], atol=1e-6)


def test_async(embedding, vectors):
    vector = asyncio.run(embedding.aget_query_embedding(TEXTS[0]))
    assert np.allclose(vector, vectors[0], atol=1e-6)


@pytest.fixture
def hub(package, rerank_url):
    return lambda route: package("huggingface_hub").InferenceClient(f"{rerank_url}/{route}")


def test_features_are_the_embedders_vectors(hub, vectors, expected):
    client = hub("embed")
    assert np.allclose(client.feature_extraction(list(TEXTS)), vectors, atol=1e-6)
    assert client.feature_extraction(TEXTS[0], normalize=False).shape == (1, 16)
    (query,) = expected(TEXTS[:1], role="query")
    assert np.allclose(client.feature_extraction(TEXTS[0], prompt_name="query"), query, atol=1e-6)


def test_sentences_are_compared_by_cosine(hub, vectors):
    first, second = TEXTS
    scores = hub("similarity").sentence_similarity(first, other_sentences=[second, first])
    assert scores == pytest.approx([vectors[0] @ vectors[1], 1], abs=1e-6)


def test_errors_are_the_clients_own(package, hub):
    errors = package("huggingface_hub.errors")
    with pytest.raises(errors.HfHubHTTPError, match="prompt_name is 'nope'") as caught:
        hub("embed").feature_extraction(TEXTS[0], prompt_name="nope")
    assert caught.value.response.status_code == 422
