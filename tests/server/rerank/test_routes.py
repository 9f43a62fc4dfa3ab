"""The rerank routes over the real engine with small random models, and over the stub."""

import json
import socket
import threading
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest
from tests.checkpoint_files import write_tiny_bert
from tests.rerankers import write_tiny_reranker

from simile import Reranker
from simile.engine.residency import Residency
from simile.hub.hub import Hub
from simile.server.app import create_app
from simile.server.http.traffic import Traffic

QUERY = "why is the sky blue"
TEXTS = ["a cat and a dog", "the sky is blue", "green grass", "search tokens here"]
ROUTES = ["/rerank", "/v1/rerank", "/v2/rerank", "/api/rerank"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("checkpoints")
    write_tiny_bert(folder / "tiny", max_tokens=32)
    write_tiny_reranker(folder / "ranks", max_tokens=32)
    return folder


@pytest.fixture(scope="module")
def ask(folder, serving, tmp_path_factory):
    hub = Hub(tmp_path_factory.mktemp("home"), [folder])
    for name in ("tiny", "ranks"):
        hub.pull(name)
    residency = Residency(hub.find, precision="f32")
    app = create_app(hub, residency, models=("tiny", "ranks"))
    with serving(app) as url, httpx2.Client(base_url=url, timeout=30) as client:
        yield lambda path, **fields: client.post(path, json={"query": QUERY, **fields})
    residency.close()


def ranked(folder, name, **options):
    with Reranker(str(folder / name), precision="f32") as reranker:
        return [
            {"index": one.index, "relevance_score": pytest.approx(one.score, abs=1e-6)}
            for one in reranker.rank(QUERY, TEXTS, **options)
        ]


@pytest.mark.parametrize("path", ROUTES)
def test_every_route_ranks_as_the_reranker_does(ask, folder, path):
    answer = ask(path, model="ranks", documents=TEXTS)
    assert answer.status_code == 200
    assert answer.json()["results"] == ranked(folder, "ranks")
    assert answer.json()["model"] == "ranks"
    assert answer.json()["usage"]["total_tokens"] == int(answer.headers["x-compute-tokens"]) > 0
    assert answer.json()["id"] == f"rerank-{answer.headers['x-request-id']}"
    raw = ask(path, model="ranks", documents=TEXTS, raw_scores=True, top_n=2).json()["results"]
    assert raw == ranked(folder, "ranks", raw_scores=True)[:2]


@pytest.mark.parametrize("path", ROUTES)
def test_an_embedding_model_ranks_by_cosine(ask, folder, path):
    answer = ask(path, model="tiny", documents=TEXTS)
    assert answer.json()["results"] == ranked(folder, "tiny")


def test_who_names_no_model_gets_the_reranker(ask, folder):
    assert ask("/v1/rerank", documents=TEXTS).json()["model"] == "ranks"
    scores = ask("/rerank", texts=TEXTS).json()
    assert [(one["index"], one["score"]) for one in scores] == [
        (one["index"], one["relevance_score"]) for one in ranked(folder, "ranks")
    ]


def test_texts_are_objects_on_the_other_routes(ask):
    assert ask("/v1/rerank", texts=TEXTS).json()["results"][0].keys() == {
        "index",
        "relevance_score",
    }


def test_cut_texts_are_counted_or_refused(ask):
    texts = ["the sky " * 40, "sky"]
    assert ask("/rerank", texts=texts).headers["x-simile-truncated"] == "1"
    answer = ask("/v1/rerank", texts=texts, truncate=False)
    assert (answer.status_code, answer.json()["error"]["type"]) == (400, "invalid_request_error")


@pytest.mark.parametrize(
    ("path", "status", "error"),
    [
        ("/rerank", 422, {"error": "query is required", "error_type": "Validation"}),
        ("/v1/rerank", 400, {"message": "query is required", "detail": "query is required"}),
        ("/v2/rerank", 422, {"message": "query is required"}),
        ("/api/rerank", 400, {"error": "query is required"}),
    ],
)
def test_errors_have_what_the_clients_of_each_route_look_for(ask, path, status, error):
    answer = ask(path, query="", documents=TEXTS)
    assert answer.status_code == status
    assert error.items() <= answer.json().items()


@pytest.mark.parametrize("path", ROUTES)
def test_no_texts_are_400_and_an_unknown_model_is_404(ask, path):
    assert ask(path, documents=[]).status_code == 400
    missing = ask(path, model="nope", documents=["a"])
    assert missing.status_code == 404
    assert b'model \\"nope\\" not found, try pulling it first' in missing.content


def test_a_reranker_embeds_nothing(ask):
    answer = ask("/api/embed", model="ranks", input="a")
    assert (answer.status_code, "it is a reranker" in answer.json()["error"]) == (400, True)


@pytest.fixture
def stub(hub, residency, serving):
    traffic = Traffic(max_queue=1)
    with (
        serving(create_app(hub, residency, traffic)) as url,
        httpx2.Client(base_url=url, timeout=30) as client,
    ):
        yield client, traffic


def test_how_long_it_stays_is_passed_on(stub, residency):
    client, _ = stub
    body = {"model": "all-minilm", "query": "a", "documents": ["a"], "keep_alive": "2m"}
    assert client.post("/api/rerank", json=body).status_code == 200
    assert residency.kept[-1] == 120


def test_scores_that_are_no_numbers_are_an_error(stub):
    client, _ = stub
    body = {"model": "all-minilm", "query": "a", "documents": ["nan"]}
    assert client.post("/v1/rerank", json=body).status_code == 400
    answer = client.post("/rerank", json=body)
    assert (answer.status_code, answer.json()["error_type"]) == (424, "Backend")


@pytest.mark.parametrize(("path", "status"), [("/v1/rerank", 503), ("/rerank", 429)])
def test_a_full_queue_says_when_to_come_again(stub, residency, path, status):
    client, traffic = stub
    answers: list[Any] = []
    body = {"model": "all-minilm", "query": "a", "documents": ["hang"]}
    thread = threading.Thread(target=lambda: answers.append(client.post(path, json=body)))
    thread.start()
    future = residency.one.embedder.hung.get(timeout=30)
    refused = client.post(path, json=body)
    assert (refused.status_code, refused.headers["retry-after"]) == (status, "1")
    future.set_result(residency.one.embedder._result([["sky"]], 9))
    thread.join()
    assert answers[0].status_code == 200
    assert (traffic.queued, traffic.held_bytes) == (0, 0)


def test_the_work_of_a_client_that_went_is_dropped(stub, residency):
    client, _ = stub
    url = urlsplit(str(client.base_url))
    body = json.dumps({"model": "all-minilm", "query": "a", "documents": ["hang"]}).encode()
    head = b"POST /rerank HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body)
    with socket.create_connection((url.hostname, url.port)) as sock:
        sock.sendall(head + body)
        future = residency.one.embedder.hung.get(timeout=30)
    gone = threading.Event()
    future.add_done_callback(lambda _: gone.set())
    assert gone.wait(30)
    assert future.cancelled()
