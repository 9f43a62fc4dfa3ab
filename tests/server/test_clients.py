"""The official clients, unchanged, against a real socket."""

import httpx
import numpy as np
import ollama
import openai
import pytest


@pytest.fixture(scope="module")
def ollama_client(url):
    with ollama.Client(host=url) as client:
        yield client


@pytest.fixture(scope="module")
def openai_client(url):
    with openai.OpenAI(base_url=f"{url}/v1", api_key="unused", max_retries=0) as client:
        yield client


def test_ollama_embed(ollama_client):
    answer = ollama_client.embed(
        model="all-minilm",
        input=["a b", "c"],
        truncate=True,
        dimensions=4,
        options={"num_ctx": 64, "seed": 1},
        keep_alive="5m",
    )
    assert answer.model == "all-minilm"
    assert np.linalg.norm(answer.embeddings, axis=1) == pytest.approx([1, 1])
    assert len(answer["embeddings"][0]) == 4
    assert answer.prompt_eval_count == 7
    assert answer.total_duration and answer.load_duration


def test_ollama_embeddings(ollama_client):
    one = ollama_client.embeddings(model="all-minilm", prompt="a b").embedding
    two = ollama_client.embed(model="all-minilm", input="a b").embeddings[0]
    assert one == pytest.approx(two)


def test_ollama_errors(ollama_client):
    with pytest.raises(ollama.ResponseError) as caught:
        ollama_client.embed(model="nope", input="a")
    assert caught.value.status_code == 404
    assert caught.value.error == 'model "nope" not found, try pulling it first'


def test_ollama_ps(ollama_client):
    forever, soon = ollama_client.ps().models
    assert forever.expires_at > soon.expires_at
    assert soon.model == "all-minilm:latest"


def test_ollama_heartbeat(url):
    assert httpx.head(url).status_code == 200


@pytest.mark.parametrize("encoding", ["float", "base64", None])
def test_openai_embeddings(openai_client, ollama_client, encoding):
    options = {"encoding_format": encoding} if encoding else {}
    answer = openai_client.embeddings.create(model="all-minilm", input=["a b", "c"], **options)
    expected = ollama_client.embed(model="all-minilm", input=["a b", "c"]).embeddings
    vectors = [entry.embedding for entry in answer.data]
    if encoding == "base64":
        assert all(isinstance(vector, str) for vector in vectors)
    else:
        assert np.allclose(vectors, expected)
    assert (answer.usage.prompt_tokens, answer.usage.total_tokens) == (7, 7)


def test_openai_user_and_dimensions(openai_client):
    ask = openai_client.embeddings.create
    (cut,) = ask(model="all-minilm", input="a b", dimensions=3, user="alice").data
    (whole,) = ask(model="all-minilm", input="a b").data
    expected = np.array(whole.embedding[:3]) / np.linalg.norm(whole.embedding[:3])
    assert cut.embedding == pytest.approx(expected)
    (one,) = ask(model="all-minilm", input=[1, 2, 3]).data
    assert len(one.embedding) == len(whole.embedding)
    with pytest.raises(openai.BadRequestError, match="dimensions of type int"):
        ask(model="all-minilm", input="a", dimensions="two")


def test_openai_token_ids(openai_client):
    answer = openai_client.embeddings.create(model="all-minilm", input=[[1, 2], [3]], dimensions=2)
    assert [len(entry.embedding) for entry in answer.data] == [2, 2]


def test_openai_additions(openai_client, residency):
    openai_client.embeddings.create(
        model="all-minilm", input="a", extra_body={"input_type": "query", "truncate": False}
    )
    assert residency.one.embedder.seen[-1] == {
        "prefix": "query: ",
        "max_tokens": None,
        "truncate": False,
    }


def test_openai_errors(openai_client):
    with pytest.raises(openai.NotFoundError, match='model "nope" not found'):
        openai_client.embeddings.create(model="nope", input="a")
    with pytest.raises(openai.BadRequestError, match="invalid input"):
        openai_client.embeddings.create(model="all-minilm", input=[])


def test_openai_models(openai_client):
    (entry,) = openai_client.models.list().data
    assert (entry.id, entry.owned_by) == ("all-minilm:latest", "library")
