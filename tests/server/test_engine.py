"""The same routes over the real engine and a small random checkpoint that was really pulled."""

import asyncio
import json
from datetime import datetime
from typing import Any, cast

import httpx2
import numpy as np
import ollama
import openai
import pytest
from tests.checkpoint_files import SPECIALS, VOCAB, write_tiny_bert

from simile.engine.residency import Residency
from simile.hub.hub import Hub
from simile.server.app import create_app
from simile.server.local_models import LocalModels
from simile.server.ollama.handlers import OllamaHandlers

NAME = "tiny"


@pytest.fixture(scope="module")
def tiny_hub(tmp_path_factory):
    folder = tmp_path_factory.mktemp("checkpoints")
    write_tiny_bert(folder / NAME, dim=16, max_tokens=32)
    hub = Hub(tmp_path_factory.mktemp("home"), [folder])
    hub.pull(NAME)
    return hub


@pytest.fixture(scope="module")
def tiny_residency(tiny_hub):
    residency = Residency(tiny_hub.find, precision="f32")
    yield residency
    residency.close()


@pytest.fixture(scope="module")
def tiny_url(tiny_hub, tiny_residency, serving):
    with serving(create_app(tiny_hub, tiny_residency)) as base:
        yield base


@pytest.fixture(scope="module")
def tiny_http(tiny_url):
    with httpx2.Client(base_url=tiny_url, timeout=30) as client:
        yield client


@pytest.fixture(scope="module")
def ollama_client(tiny_url):
    with ollama.Client(host=tiny_url) as client:
        yield client


def post(http: httpx2.Client, path: str, **fields: Any) -> httpx2.Response:
    return http.post(path, json={"model": NAME, **fields})


def test_vectors_are_the_same_on_every_route(tiny_url, ollama_client):
    texts = ["why is the sky blue", "green grass", ""]
    answer = ollama_client.embed(model=NAME, input=texts)
    vectors = np.array(answer.embeddings)
    assert vectors.shape == (3, 16)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx([1, 1, 1], abs=1e-6)
    assert answer.prompt_eval_count == 7 + 4 + 2
    older = ollama_client.embeddings(model=NAME, prompt=texts[0]).embedding
    assert np.allclose(older, vectors[0], atol=1e-6)
    with openai.OpenAI(base_url=f"{tiny_url}/v1", api_key="unused", max_retries=0) as client:
        data = client.embeddings.create(model=NAME, input=texts).data
    assert np.allclose([entry.embedding for entry in data], vectors, atol=1e-6)


def test_windows_and_cut_texts(tiny_http):
    answer = post(tiny_http, "/api/embed", input=["the a of to", "a"], options={"num_ctx": 4})
    assert answer.json()["prompt_eval_count"] == 4 + 3
    assert answer.headers["x-simile-truncated"] == "1"
    strict = post(tiny_http, "/api/embed", input="the a " * 40, truncate=False)
    assert strict.status_code == 400
    assert strict.content == b'{"error":"the input length exceeds the context length"}'
    no_room = post(tiny_http, "/api/embed", input="a", options={"num_ctx": 2})
    assert no_room.json()["error"] == "input after truncation exceeds maximum context length"
    older = post(tiny_http, "/api/embeddings", prompt="the a " * 40)
    assert older.status_code == 400


def test_odd_texts_are_answered(tiny_http):
    texts = ["", "\0", "🙂" * 100, "x" * 10**6, "[CLS] [SEP]"]
    answer = post(tiny_http, "/api/embed", input=texts)
    assert len(answer.json()["embeddings"]) == len(texts)
    raw = b'{"model":"tiny","input":"\\ud800 \xff"}'
    assert tiny_http.post("/api/embed", content=raw).status_code == 200


def test_token_ids_give_the_vector_of_their_text(tiny_http):
    words = ["why", "is", "the", "sky"]
    ids = [len(SPECIALS) + VOCAB.index(word) for word in words]
    by_text = post(tiny_http, "/v1/embeddings", input=" ".join(words)).json()
    by_ids = post(tiny_http, "/v1/embeddings", input=ids).json()
    assert by_ids == by_text
    unknown = post(tiny_http, "/v1/embeddings", input=[ids, [len(SPECIALS) + len(VOCAB)]])
    assert unknown.status_code == 400
    assert "token id" in unknown.json()["error"]["message"]


def test_tags(ollama_client, tiny_http, tiny_hub):
    (model,) = tiny_hub.models()
    (entry,) = tiny_http.get("/api/tags").json()["models"]
    assert list(entry) == [
        "name", "model", "modified_at", "size", "digest", "details", "capabilities",
    ]  # fmt: skip
    assert entry["name"] == entry["model"] == "tiny:latest"
    assert (entry["size"], entry["digest"]) == (model.size_bytes, model.digest)
    assert datetime.fromisoformat(entry["modified_at"]) == model.modified_at
    assert list(entry["details"]) == [
        "parent_model", "format", "family", "families", "parameter_size",
        "quantization_level", "context_length", "embedding_length",
    ]  # fmt: skip
    assert entry["details"]["families"] == ["bert"]
    assert entry["details"]["embedding_length"] == 16
    assert entry["capabilities"] == ["embedding"]
    assert ollama_client.list().models[0].model == "tiny:latest"


@pytest.mark.parametrize("body", [{"model": "tiny"}, {"name": "TINY:latest", "verbose": True}])
def test_show(ollama_client, tiny_http, body):
    shown = tiny_http.post("/api/show", json=body).json()
    assert list(shown) == [
        "modelfile", "parameters", "template", "details", "model_info",
        *(["tensors"] if body.get("verbose") else []), "capabilities", "modified_at",
    ]  # fmt: skip
    assert shown["parameters"] == "num_ctx                        32"
    assert "context_length" not in shown["details"]
    info = shown["model_info"]
    assert list(info) == sorted(info)
    assert info["general.architecture"] == info["tokenizer.ggml.model"] == "bert"
    assert (info["bert.context_length"], info["bert.embedding_length"]) == (32, 16)
    assert (info["bert.block_count"], info["bert.pooling_type"]) == (2, 1)
    tokens = info.pop("tokenizer.ggml.tokens")
    if body.get("verbose"):
        assert tokens.index("sky") == len(SPECIALS) + VOCAB.index("sky")
    else:
        assert tokens is None
    brief = dict(ollama_client.show("tiny").modelinfo)
    assert brief.pop("tokenizer.ggml.tokens") is None
    assert brief == info


@pytest.mark.parametrize(
    ("body", "status", "text"),
    [
        ({}, 400, "model is required"),
        ({"model": ""}, 400, "model is required"),
        ({"model": "a b"}, 400, "invalid model name"),
        ({"model": "nope"}, 404, "model 'nope:latest' not found"),
    ],
)
def test_errors_of_show(tiny_http, body, status, text):
    answer = tiny_http.post("/api/show", json=body)
    assert (answer.status_code, answer.json()) == (status, {"error": text})


def test_a_damaged_model_is_listed_all_the_same(tmp_path, tiny_residency):
    write_tiny_bert(tmp_path / NAME)
    hub = Hub(tmp_path / "home", [tmp_path])
    (hub.pull(NAME).path / "config.json").write_text("{")
    answer = asyncio.run(OllamaHandlers(LocalModels(hub), tiny_residency).tags(cast(Any, None)))
    assert isinstance(answer.body, bytes)
    (entry,) = json.loads(answer.body)["models"]
    assert entry["name"] == "tiny:latest"
    assert (entry["details"]["family"], entry["details"]["families"]) == ("", None)


def test_ps_follows_keep_alive(tiny_http):
    post(tiny_http, "/api/embed", keep_alive=-1)
    (entry,) = tiny_http.get("/api/ps").json()["models"]
    assert entry["name"] == "tiny:latest"
    assert int(entry["expires_at"][:4]) > datetime.now().year + 290
    assert entry["context_length"] == 32
    post(tiny_http, "/api/embed", keep_alive=0)
    assert tiny_http.get("/api/ps").json() == {"models": []}
