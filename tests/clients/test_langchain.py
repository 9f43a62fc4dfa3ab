"""LangChain's two: https://pypi.org/project/langchain-ollama and langchain-openai."""

import asyncio

import numpy as np
import ollama
import openai
import pytest
from tests.clients.conftest import MODEL, TEXTS


@pytest.fixture
def of_ollama(package, url):
    return lambda **options: package("langchain_ollama").OllamaEmbeddings(
        **{"model": MODEL, "base_url": url} | options
    )


@pytest.fixture
def of_openai(package, url):
    """Without `check_embedding_ctx_length=False` it sends OpenAI's token ids, not text."""
    return lambda **options: package("langchain_openai").OpenAIEmbeddings(
        **{
            "model": MODEL,
            "base_url": f"{url}/v1",
            "api_key": "unused",
            "check_embedding_ctx_length": False,
            "max_retries": 0,
        }
        | options
    )


@pytest.fixture(params=["of_ollama", "of_openai"])
def embeddings(request):
    return request.getfixturevalue(request.param)


def test_vectors_are_the_embedders(embeddings, vectors):
    assert np.allclose(embeddings().embed_documents(list(TEXTS)), vectors, atol=1e-6)
    assert np.allclose(embeddings().embed_query(TEXTS[0]), vectors[0], atol=1e-6)


def test_async(embeddings, vectors):
    async def main():
        client = embeddings()
        assert np.allclose(await client.aembed_documents(list(TEXTS)), vectors, atol=1e-6)
        assert np.allclose(await client.aembed_query(TEXTS[0]), vectors[0], atol=1e-6)

    asyncio.run(main())


def test_dimensions(embeddings):
    assert len(embeddings(dimensions=4).embed_query("a")) == 4


def test_many_texts(embeddings):
    texts = [f"text {number}" for number in range(1500)]  # More than one chunk of langchain-openai.
    assert np.shape(embeddings().embed_documents(texts)) == (1500, 16)


def test_an_unknown_model(of_ollama, of_openai):
    with pytest.raises(ollama.ResponseError, match='model "nope" not found'):
        of_ollama(model="nope").embed_query("a")
    with pytest.raises(openai.NotFoundError, match='model "nope" not found'):
        of_openai(model="nope").embed_query("a")


def test_the_model_is_looked_up_in_the_list(of_ollama):
    assert of_ollama(validate_model_on_init=True).model == MODEL
    with pytest.raises(ValueError, match=f"`nope` not found .*: {MODEL}:latest"):
        of_ollama(model="nope", validate_model_on_init=True)
