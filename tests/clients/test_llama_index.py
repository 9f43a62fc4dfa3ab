"""LlamaIndex: https://pypi.org/project/llama-index-embeddings-ollama; it has no call for a list."""

import asyncio

import numpy as np
import ollama
import pytest
from tests.clients.conftest import MODEL, TEXTS


@pytest.fixture
def embedding(package, url):
    return lambda **options: package("llama_index.embeddings.ollama").OllamaEmbedding(
        **{"model_name": MODEL, "base_url": url} | options
    )


def test_vectors_are_the_embedders(embedding, vectors):
    client = embedding(ollama_additional_kwargs={"num_ctx": 32})
    assert np.allclose(client.get_text_embedding_batch(list(TEXTS)), vectors, atol=1e-6)
    assert np.allclose(client.get_text_embedding(TEXTS[0]), vectors[0], atol=1e-6)
    assert np.allclose(client.get_query_embedding(TEXTS[0]), vectors[0], atol=1e-6)


def test_instructions_are_the_models_prompts(embedding, expected):
    client = embedding(query_instruction="query:")
    (vector,) = expected(TEXTS[:1], role="query")
    assert np.allclose(client.get_query_embedding(TEXTS[0]), vector, atol=1e-6)


def test_async_in_batches(embedding, expected):
    texts = [f"text {number}" for number in range(100)]

    async def main():
        client = embedding(embed_batch_size=7)
        return await client.aget_text_embedding_batch(texts)

    assert np.allclose(asyncio.run(main()), expected(texts, role="document"), atol=1e-6)


def test_an_unknown_model(embedding):
    with pytest.raises(ollama.ResponseError, match='model "nope" not found'):
        embedding(model_name="nope").get_query_embedding("a")

    async def main():
        await embedding(model_name="nope").aget_text_embedding("a")

    with pytest.raises(ollama.ResponseError, match='model "nope" not found'):
        asyncio.run(main())
