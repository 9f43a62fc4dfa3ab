"""OpenAI's own Python client: https://pypi.org/project/openai; it asks for base64 by default."""

import asyncio

import numpy as np
import openai
import pytest
from tests.clients.conftest import MODEL, TEXTS


@pytest.fixture(scope="module")
def client(url):
    with openai.OpenAI(base_url=f"{url}/v1", api_key="unused", max_retries=0) as client:
        yield client


@pytest.mark.parametrize("options", [{}, {"encoding_format": "float"}])
def test_vectors_are_the_embedders(client, vectors, options):
    answer = client.embeddings.create(model=MODEL, input=list(TEXTS), **options)
    assert np.allclose([entry.embedding for entry in answer.data], vectors, atol=1e-6)
    assert [entry.index for entry in answer.data] == [0, 1]
    assert (answer.usage.prompt_tokens, answer.usage.total_tokens) == (13, 13)


def test_base64_that_was_asked_for_stays_base64(client):
    answer = client.embeddings.create(model=MODEL, input="a", encoding_format="base64")
    assert len(answer.data[0].embedding) == 88  # 16 float32 in base64.


def test_user_and_dimensions(client, vectors):
    ask = client.embeddings.create
    (entry,) = ask(model=MODEL, input=TEXTS[0], dimensions=3, user="alice").data
    cut = vectors[0, :3] / np.linalg.norm(vectors[0, :3])
    assert entry.embedding == pytest.approx(cut, abs=1e-6)
    with pytest.raises(openai.BadRequestError, match="dimensions of type int"):
        ask(model=MODEL, input="a", dimensions="two")


def test_token_ids(client):
    answer = client.embeddings.create(model=MODEL, input=[[5, 6], [7]], dimensions=2)
    assert [len(entry.embedding) for entry in answer.data] == [2, 2]
    (entry,) = client.embeddings.create(model=MODEL, input=[5, 6, 7]).data
    assert len(entry.embedding) == 16


def test_additions(client, expected):
    ask = client.embeddings.create
    (entry,) = ask(model=MODEL, input=TEXTS[0], extra_body={"input_type": "query"}).data
    assert np.allclose(entry.embedding, expected(TEXTS[:1], role="query")[0], atol=1e-6)
    with pytest.raises(openai.BadRequestError, match="exceeds the context length"):
        ask(model=MODEL, input="cat " * 40, extra_body={"truncate": False})
    answer = client.embeddings.with_raw_response.create(model=MODEL, input="cat " * 40)
    assert answer.headers["x-simile-truncated"] == "1"


def test_errors(client):
    with pytest.raises(openai.NotFoundError, match='model "nope" not found'):
        client.embeddings.create(model="nope", input="a")
    with pytest.raises(openai.BadRequestError, match="invalid input"):
        client.embeddings.create(model=MODEL, input=[])
    with pytest.raises(openai.NotFoundError, match="model 'nope:latest' not found"):
        client.models.retrieve("nope")


def test_models(client):
    (entry,) = client.models.list().data
    assert (entry.id, entry.owned_by) == (f"{MODEL}:latest", "library")
    assert client.models.retrieve(MODEL).object == "model"


def test_async(url, vectors):
    async def main():
        async with openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="unused") as client:
            ask = client.embeddings.create
            answers = await asyncio.gather(*[ask(model=MODEL, input=text) for text in TEXTS])
            for answer, vector in zip(answers, vectors, strict=True):
                assert np.allclose(answer.data[0].embedding, vector, atol=1e-6)
            assert [entry.id async for entry in client.models.list()] == [f"{MODEL}:latest"]
            with pytest.raises(openai.NotFoundError, match='model "nope" not found'):
                await ask(model="nope", input="a")

    asyncio.run(main())
