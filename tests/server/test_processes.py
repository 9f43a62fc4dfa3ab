"""Servers that are killed, and two servers on one store: real processes, a hub on loopback."""

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import Any

import httpx2
import pytest
from tests.checkpoint_files import write_tiny_bert
from tests.hub import conftest as small_hub
from tests.hub.sources.test_huggingface import REPO, serve_repo
from tests.serving import Serving

FAR = f"hf.co/{REPO}"
WAIT_S = 60
ROUNDS = 2

server = small_hub.server


@pytest.fixture
def environ(tmp_path, server):
    """An empty store; `tiny` can be pulled from a folder, and FAR from the hub."""
    tiny = write_tiny_bert(tmp_path / "folders" / "tiny")
    far = write_tiny_bert(tmp_path / "far", dim=64, seed=1)
    paths = [path for path in far.rglob("*") if path.is_file()]
    serve_repo(server, {path.relative_to(far).as_posix(): path.read_bytes() for path in paths})
    kept = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
    return kept | {
        "SIMILE_HOME": str(tmp_path / "home"),
        "SIMILE_MODEL_FOLDERS": str(tiny.parent),
        "HF_ENDPOINT": server.url,
        "HF_HUB_CACHE": str(tmp_path / "hf-cache"),
        "PYTHONUTF8": "1",
    }


@pytest.fixture
def start(environ):
    """Start servers on the store, `tiny` pulled; all are gone afterwards."""
    started: list[Serving] = []

    def run() -> Serving:
        started.append(Serving(["--port", "0", "--model", "tiny"], environ))
        assert started[-1].url
        return started[-1]

    yield run
    for one in started:
        one.kill()


def ask(running: Serving, method: str, path: str, **fields: Any) -> httpx2.Response:
    return httpx2.request(method, f"{running.url}{path}", json=fields or None, timeout=WAIT_S)


def embed(running: Serving, model: str) -> httpx2.Response:
    return ask(running, "POST", "/api/embed", model=model, input="the sky")


def dim(running: Serving, model: str) -> int:
    answer = embed(running, model)
    assert answer.status_code == 200, answer.text
    return len(answer.json()["embeddings"][0])


def pull(running: Serving, model: str) -> list[str]:
    return ask(running, "POST", "/api/pull", model=model).text.splitlines()


def names(running: Serving) -> set[str]:
    return {model["name"] for model in ask(running, "GET", "/api/tags").json()["models"]}


def test_a_server_killed_while_it_pulls_has_whole_models_and_pulls_again(start, server):
    first = start()
    server.hold_after = 50_000
    with ThreadPoolExecutor() as pool:
        broken = pool.submit(pull, first, FAR)
        assert server.holding.wait(WAIT_S)
        first.kill()
        assert isinstance(broken.exception(WAIT_S), httpx2.HTTPError)
    server.hold_after = None
    server.go_on.set()
    second = start()
    assert names(second) == {"tiny:latest"}
    assert embed(second, FAR).status_code == 404
    assert dim(second, "tiny") == 16
    assert '"success"' in pull(second, FAR)[-1]
    assert dim(second, FAR) == 64


def test_a_server_killed_while_it_copies_and_deletes_has_whole_models(start):
    for _ in range(ROUNDS):
        running = start()
        under_way = threading.Semaphore(0)

        def disturb(running: Serving = running, under_way: threading.Semaphore = under_way) -> None:
            try:
                for number in count():
                    ask(running, "POST", "/api/copy", source="tiny", destination=f"m{number % 5}")
                    ask(running, "DELETE", "/api/delete", model=f"m{(number + 3) % 5}")
                    under_way.release()
            except httpx2.HTTPError:
                pass  # Killed.

        thread = threading.Thread(target=disturb)
        thread.start()
        for _ in range(6):
            assert under_way.acquire(timeout=WAIT_S)
        running.kill()
        thread.join(WAIT_S)
        again = start()
        found = names(again)
        assert "tiny:latest" in found
        assert {dim(again, name) for name in found} == {16}
        again.kill()


def test_two_servers_pull_one_model_at_once_and_it_comes_once(start, server):
    both = [start(), start()]
    server.hold_after = 50_000
    with ThreadPoolExecutor() as pool:
        pulls = [pool.submit(pull, running, FAR) for running in both]
        assert server.holding.wait(WAIT_S)
        assert [names(running) for running in both] == [{"tiny:latest"}] * 2
        server.go_on.set()
        assert ['"success"' in said.result(WAIT_S)[-1] for said in pulls] == [True] * 2
    assert len(server.downloads("model.safetensors")) == 1
    assert [names(running) for running in both] == [{"tiny:latest", f"{FAR}:latest"}] * 2
    assert [dim(running, FAR) for running in both] == [64, 64]


def test_one_server_deletes_what_the_other_serves_and_nobody_breaks(start):
    serving, deleting = start(), start()
    before = embed(serving, "tiny").json()["embeddings"]
    stop = threading.Event()
    got: list[httpx2.Response] = []

    def go_on_asking() -> None:
        while not stop.is_set():
            got.append(embed(serving, "tiny"))

    thread = threading.Thread(target=go_on_asking)
    thread.start()
    try:
        assert ask(deleting, "DELETE", "/api/delete", model="tiny").status_code == 200
        assert (names(serving), names(deleting)) == (set(), set())
        assert embed(deleting, "tiny").status_code == 404
        assert '"success"' in pull(deleting, "tiny")[-1]
    finally:
        stop.set()
        thread.join(WAIT_S)
    assert {answer.status_code for answer in got} <= {200, 404}
    answers = [answer.json()["embeddings"] for answer in got if answer.status_code == 200]
    assert all(vectors == before for vectors in answers)
    assert dim(serving, "tiny") == dim(deleting, "tiny") == 16
