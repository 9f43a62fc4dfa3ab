"""Ollama's own Python client: https://pypi.org/project/ollama."""

import asyncio

import numpy as np
import ollama
import pytest
from tests.clients.conftest import MODEL, OTHER, TEXTS


@pytest.fixture(scope="module")
def client(url):
    with ollama.Client(host=url) as client:
        yield client


def running(client):
    return {model.model: model for model in client.ps().models}


def test_vectors_are_the_embedders(client, vectors):
    answer = client.embed(MODEL, TEXTS)
    assert answer.model == MODEL
    assert np.allclose(answer.embeddings, vectors, atol=1e-6)
    assert answer.prompt_eval_count == 13
    assert answer.total_duration and answer.load_duration


def test_one_text_and_the_older_route(client, vectors):
    assert np.allclose(client.embed(MODEL, TEXTS[0]).embeddings, vectors[:1], atol=1e-6)
    assert np.allclose(client.embeddings(MODEL, TEXTS[0]).embedding, vectors[0], atol=1e-6)


def test_options(client, vectors):
    answer = client.embed(
        model=MODEL,
        input=TEXTS,
        truncate=True,
        dimensions=4,
        options={"num_ctx": 64, "seed": 1},
        keep_alive="5m",
    )
    cut = vectors[:, :4] / np.linalg.norm(vectors[:, :4], axis=1, keepdims=True)
    assert np.allclose(answer.embeddings, cut, atol=1e-6)


def test_a_text_that_is_too_long_is_refused_where_cutting_is_off(client):
    with pytest.raises(ollama.ResponseError) as caught:
        client.embed(MODEL, "cat " * 40, truncate=False)
    assert caught.value.status_code == 400
    assert len(client.embed(MODEL, "cat " * 40).embeddings) == 1


def test_an_unknown_model(client):
    with pytest.raises(ollama.ResponseError) as caught:
        client.embed("nope", "a")
    assert caught.value.status_code == 404
    assert caught.value.error == 'model "nope" not found, try pulling it first'


def test_list_and_show(client):
    (model,) = client.list().models
    assert model.model == f"{MODEL}:latest"
    assert model.details.family == "bert"
    shown = client.show(MODEL)
    assert shown.capabilities == ["embedding"]
    assert shown.modelinfo["bert.embedding_length"] == 16
    assert shown.modelinfo["bert.context_length"] == 32


def test_keep_alive(client):
    client.embed(MODEL, "a", keep_alive="10m")
    later = running(client)[f"{MODEL}:latest"].expires_at
    client.embed(MODEL, "a", keep_alive="5m")
    assert running(client)[f"{MODEL}:latest"].expires_at < later
    client.embed(MODEL, "a", keep_alive=0)
    assert running(client) == {}
    client.generate(MODEL, keep_alive=-1)
    forever = running(client)[f"{MODEL}:latest"]
    assert forever.size > 0 and forever.expires_at > later
    assert client.generate(MODEL, keep_alive=0).done_reason == "unload"
    assert running(client) == {}


def test_a_model_is_pulled_copied_and_deleted(client):
    steps = list(client.pull(OTHER, stream=True))
    assert (steps[0].status, steps[-1].status) == ("pulling manifest", "success")
    assert any(step.total and step.completed == step.total for step in steps)
    assert client.pull(OTHER).status == "success"
    assert client.copy(OTHER, "second").status == "success"
    names = {model.model for model in client.list().models}
    assert names == {f"{name}:latest" for name in (MODEL, OTHER, "second")}
    assert len(client.embed("second", "a").embeddings[0]) == 16
    for name in (OTHER, "second"):
        assert client.delete(name).status == "success"
    assert len(client.list().models) == 1


def test_a_pull_of_an_unknown_model_ends_with_its_error(client):
    with pytest.raises(ollama.ResponseError, match="'nope:latest' is not a known"):
        list(client.pull("nope", stream=True))
    with pytest.raises(ollama.ResponseError, match="'nope:latest' is not a known"):
        client.pull("nope")


def test_chat_is_refused_in_words(client):
    with pytest.raises(ollama.ResponseError, match="does not support chat"):
        client.chat(MODEL, [{"role": "user", "content": "hello"}])


def test_async(url, vectors):
    async def main():
        async with ollama.AsyncClient(host=url) as client:
            answers = await asyncio.gather(*[client.embed(MODEL, text) for text in TEXTS])
            for answer, vector in zip(answers, vectors, strict=True):
                assert np.allclose(answer.embeddings, [vector], atol=1e-6)
            steps = [step.status async for step in await client.pull(OTHER, stream=True)]
            assert steps[-1] == "success"
            assert len((await client.list()).models) == 2
            await client.delete(OTHER)
            with pytest.raises(ollama.ResponseError, match='model "nope" not found'):
                await client.embed("nope", "a")

    asyncio.run(main())
