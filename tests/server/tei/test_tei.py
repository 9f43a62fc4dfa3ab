"""text-embeddings-inference's routes over the real engine and a small random model."""

import json
from typing import Any

import httpx2
import numpy as np
import pytest
from tests.checkpoint_files import change_json, write_tiny_bert
from tests.rerankers import write_tiny_reranker

from simile import Embedder
from simile.engine.residency import Residency
from simile.hub.hub import Hub
from simile.server.app import create_app
from simile.server.errors import BodyError
from simile.server.tei import wire as tei

TEXTS = ["why is the sky blue", "green grass"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("checkpoints")
    write_tiny_bert(folder / "tiny", dim=16, max_tokens=32, normalize=False)
    prompts = {"query": "query: ", "mine": "a cat "}
    change_json(folder / "tiny" / "config_sentence_transformers.json", prompts=prompts)
    write_tiny_reranker(folder / "ranks", max_tokens=32)
    return folder


@pytest.fixture(scope="module")
def http(folder, serving, tmp_path_factory):
    hub = Hub(tmp_path_factory.mktemp("home"), [folder])
    for name in ("tiny", "ranks"):
        hub.pull(name)
    residency = Residency(hub.find, precision="f32")
    app = create_app(hub, residency, models=("tiny", "ranks"))
    with serving(app) as url, httpx2.Client(base_url=url, timeout=30) as client:
        yield client
    residency.close()


@pytest.fixture(scope="module")
def embed(folder):
    with Embedder(str(folder / "tiny"), precision="f32") as embedder:
        yield lambda texts: embedder.embed(texts, role="document")


def ask(http: httpx2.Client, path: str, **fields: Any) -> Any:
    answer = http.post(path, json=fields)
    assert answer.status_code == 200, answer.text
    return answer.json()


def unit(vectors: Any) -> Any:
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def test_vectors_are_the_embedders_and_always_rows(http, embed):
    vectors = unit(embed(TEXTS))
    assert np.allclose(ask(http, "/embed", inputs=TEXTS), vectors, atol=1e-6)
    assert np.allclose(ask(http, "/embed", inputs=TEXTS[0]), vectors[:1], atol=1e-6)
    cut = unit(vectors[:, :4])
    assert np.allclose(ask(http, "/embed", inputs=TEXTS, dimensions=4), cut, atol=1e-6)


def test_vectors_are_left_as_they_come_if_asked_for(http, embed):
    vectors = embed(TEXTS)
    assert not np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=0.01)
    plain = ask(http, "/embed", inputs=TEXTS, normalize=False)
    assert np.allclose(plain, vectors, atol=1e-5)
    cut = ask(http, "/embed", inputs=TEXTS, normalize=False, dimensions=4)
    assert np.allclose(cut, vectors[:, :4], atol=1e-5)


def test_a_prompt_is_named_by_the_checkpoint_or_by_its_role(http, embed):
    for name, prefix in (("query", "query: "), ("mine", "a cat "), ("clustering", "")):
        expected = unit(embed([prefix + TEXTS[0]]))
        vectors = ask(http, "/embed", inputs=TEXTS[0], prompt_name=name)
        assert np.allclose(vectors, expected, atol=1e-6)
    answer = http.post("/embed", json={"inputs": "a", "prompt_name": "nope"})
    assert (answer.status_code, answer.json()["error_type"]) == (422, "Validation")
    assert "expected one of: classification, clustering, document, mine" in answer.text


def test_tokens_are_embedded_as_their_text(http):
    [tokens] = ask(http, "/tokenize", inputs=TEXTS[0], add_special_tokens=False)
    ids = [token["id"] for token in tokens]
    expected = ask(http, "/embed", inputs=TEXTS[0])
    assert np.allclose(ask(http, "/embed", inputs=ids), expected, atol=1e-6)
    assert np.allclose(ask(http, "/embed", inputs=[ids, ids]), expected * 2, atol=1e-6)


def test_many_texts_come_in_pieces(http):
    texts = [f"text {number}" for number in range(200)]
    assert np.shape(ask(http, "/embed", inputs=texts)) == (200, 16)


def test_sentences_are_compared_by_cosine(http, embed):
    sentences = ["the sky is blue", "green grass"]
    vectors = unit(embed([TEXTS[0], *sentences]))
    inputs = {"source_sentence": TEXTS[0], "sentences": sentences}
    scores = ask(http, "/similarity", inputs=inputs)
    assert scores == pytest.approx(vectors[1:] @ vectors[0], abs=1e-6)
    prompted = ask(http, "/similarity", inputs=inputs, parameters={"prompt_name": "mine"})
    vectors = unit(embed([f"a cat {text}" for text in (TEXTS[0], *sentences)]))
    assert prompted == pytest.approx(vectors[1:] @ vectors[0], abs=1e-6)


def test_tokens_say_where_they_stand(http):
    [tokens, _] = ask(http, "/tokenize", inputs=["The sky!", "a"])
    assert [(one["text"], one["start"], one["stop"], one["special"]) for one in tokens] == [
        ("[CLS]", None, None, True),
        ("The", 0, 3, False),
        ("sky", 4, 7, False),
        ("!", 7, 8, False),
        ("[SEP]", None, None, True),
    ]
    [bare] = ask(http, "/tokenize", inputs="sky", add_special_tokens=False, prompt_name="mine")
    assert [one["text"] for one in bare] == ["a", "cat", "sky"]
    assert ask(http, "/tokenize", inputs="sky", model="ranks")[0][1]["text"] == "sky"


def test_what_is_served_is_told(http):
    told = http.get("/info").json()
    assert told["model_id"] == "tiny:latest"
    assert told["model_type"] == {"embedding": {"pooling": "mean"}}
    assert (told["model_dtype"], told["max_input_length"]) == ("float32", 32)
    assert (told["max_concurrent_requests"], told["max_client_batch_size"]) == (512, 524_288)


def test_a_served_reranker_is_told_as_one(folder, serving, tmp_path):
    hub = Hub(tmp_path, [folder])
    hub.pull("ranks")
    residency = Residency(hub.find)
    with serving(create_app(hub, residency, models=("ranks",))) as url:
        assert "reranker" in httpx2.get(f"{url}/info").json()["model_type"]
        answer = httpx2.post(f"{url}/embed", json={"inputs": "a"})
    assert (answer.status_code, "no embedding model is here" in answer.text) == (404, True)
    residency.close()


def test_texts_are_cut_unless_that_is_declined(http):
    text = "the sky " * 40
    answer = http.post("/embed", json={"inputs": [text, "a"]})
    assert (answer.status_code, answer.headers["x-simile-truncated"]) == (200, "1")
    assert http.post("/embed", json={"inputs": text, "truncate": False}).status_code == 422


@pytest.mark.parametrize(
    ("path", "fields", "status", "kind"),
    [
        ("/embed", {}, 422, "Validation"),
        ("/embed", {"inputs": []}, 400, "Empty"),
        ("/embed", {"inputs": [1.5]}, 422, "Validation"),
        ("/embed", {"inputs": [10**6]}, 422, "Validation"),
        ("/embed", {"inputs": "a", "model": "nope"}, 404, "Validation"),
        ("/embed", {"inputs": "a", "model": "ranks"}, 422, "Validation"),
        ("/embed", {"inputs": "a", "truncation_direction": "left"}, 422, "Validation"),
        ("/similarity", {"inputs": "a"}, 422, "Validation"),
        ("/similarity", {"inputs": {"source_sentence": "a"}}, 422, "Validation"),
        ("/similarity", {"inputs": {"source_sentence": "a", "sentences": []}}, 400, "Empty"),
        ("/tokenize", {"inputs": [3]}, 422, "Validation"),
        ("/tokenize", {"inputs": "a", "model": "nope"}, 404, "Validation"),
        ("/tokenize", {"inputs": "a", "prompt_name": "nope"}, 422, "Validation"),
    ],
)
def test_errors_are_of_the_kinds_that_its_clients_know(http, path, fields, status, kind):
    answer = http.post(path, json=fields)
    assert (answer.status_code, answer.json()["error_type"]) == (status, kind)
    assert answer.json()["error"]


def test_only_so_much_is_tokenized_at_once():
    body = json.dumps({"inputs": ["a" * tei.MAX_TOKENIZED_CHARS, "a"]}).encode()
    with pytest.raises(BodyError, match="131073 characters; expected at most 131072"):
        tei.parse_tokenize(body)
