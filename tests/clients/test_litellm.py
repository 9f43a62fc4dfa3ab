"""LiteLLM, through Ollama's protocol and through OpenAI's: https://pypi.org/project/litellm."""

import asyncio

import numpy as np
import pytest
from tests.clients.conftest import MODEL, TEXTS


@pytest.fixture
def litellm(package, monkeypatch):
    monkeypatch.setenv("LITELLM_LOCAL_MODEL_COST_MAP", "True")  # Else importing asks GitHub.
    return package("litellm")


@pytest.fixture(params=["ollama", "openai"])
def way(request, url):
    """What names the model's provider, and where the server is for it."""
    options = {"api_base": url if request.param == "ollama" else f"{url}/v1", "api_key": "unused"}
    return request.param, options


def test_vectors_are_the_embedders(litellm, way, vectors):
    provider, options = way
    answer = litellm.embedding(model=f"{provider}/{MODEL}", input=list(TEXTS), **options)
    assert np.allclose([entry["embedding"] for entry in answer.data], vectors, atol=1e-6)
    assert answer.usage.prompt_tokens == 13


def test_async(litellm, way, vectors):
    provider, options = way
    ask = litellm.aembedding(model=f"{provider}/{MODEL}", input=list(TEXTS), **options)
    answer = asyncio.run(ask)
    assert np.allclose([entry["embedding"] for entry in answer.data], vectors, atol=1e-6)


def test_models_are_listed(litellm, way):
    provider, options = way
    names = litellm.get_valid_models(
        check_provider_endpoint=True, custom_llm_provider=provider, **options
    )
    assert names == [f"ollama/{MODEL}:latest" if provider == "ollama" else f"{MODEL}:latest"]


def test_dimensions(litellm, way):
    provider, options = way
    answer = litellm.embedding(
        model=f"{provider}/{MODEL}",
        input=["a"],
        dimensions=4,
        allowed_openai_params=["dimensions"],  # Else it sends none for names it does not know.
        **options,
    )
    assert len(answer.data[0]["embedding"]) == 4


def test_an_unknown_model(litellm, way):
    provider, options = way
    with pytest.raises(litellm.NotFoundError, match=r'model \\?"nope\\?" not found'):
        litellm.embedding(model=f"{provider}/nope", input=["a"], **options)
