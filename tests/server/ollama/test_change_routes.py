"""Pull, copy, delete, load and unload over a real socket, with the official client and a real hub.

The hub is the small one on loopback that tests/models/hub has.
"""

import hashlib
import json
import socket
import threading
from http.server import ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import httpx2
import ollama
import openai
import pytest
from gguf import PoolingType
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.checkpoint_files import write_tiny_bert
from tests.gguf_files import write_gguf
from tests.hub.conftest import Handler, Server
from tests.hub.sources.test_huggingface import REPO, serve_repo
from tests.hub.sources.test_registry import Registry
from tests.hub.test_ollama_folder import Ollama

from simile.engine.residency import Residency
from simile.hub.hub import Hub
from simile.server.app import create_app

FAR = f"hf.co/{REPO}"
POSTS = ("pull", "copy", "generate", "chat", "show", "create", "push", "delete")


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory) -> Path:
    # Larger than 100 kB, from where on the small hub can be told to hold.
    return write_tiny_bert(tmp_path_factory.mktemp("checkpoint") / "tiny", dim=64)


@pytest.fixture
def far(monkeypatch, tmp_path, checkpoint):
    """A hub on loopback that has the checkpoint."""
    from huggingface_hub import constants

    state = Server()
    httpd = ThreadingHTTPServer(
        ("127.0.0.1", 0), type("BoundHandler", (Handler,), {"state": state})
    )
    httpd.daemon_threads = True
    state.url = f"http://127.0.0.1:{httpd.server_address[1]}"
    thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hf-cache"))
    monkeypatch.setattr(constants, "ENDPOINT", state.url)
    template = state.url + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    paths = [path for path in checkpoint.rglob("*") if path.is_file()]
    serve_repo(state, {p.relative_to(checkpoint).as_posix(): p.read_bytes() for p in paths})
    yield state
    state.go_on.set()
    httpd.shutdown()
    httpd.server_close()
    thread.join()


@pytest.fixture
def here(tmp_path, checkpoint, serving):
    """A server with an empty store, and a folder from which `tiny` can be pulled."""
    hub = Hub(tmp_path / "home", [checkpoint.parent])
    residency = Residency(hub.find, precision="f32")
    with serving(create_app(hub, residency)) as url:
        with httpx2.Client(base_url=url, timeout=60) as http, ollama.Client(host=url) as client:
            yield SimpleNamespace(
                hub=hub, url=url, http=http, client=client, residency=residency, home=tmp_path
            )
    residency.close()


def delete(http: httpx2.Client, **fields: Any) -> httpx2.Response:
    return http.request("DELETE", "/api/delete", json=fields)


def names(here) -> list[str]:
    return [model.name for model in here.hub.models()]


def error_of(answer: httpx2.Response) -> tuple[int, Any]:
    return answer.status_code, answer.json()["error"]


def test_the_official_client_pulls_step_by_step(here, far):
    steps = list(here.client.pull(FAR, stream=True))
    said = [step.status for step in steps]
    assert said[0] == "pulling manifest"
    assert said[-3:] == ["verifying sha256 digest", "writing manifest", "success"]
    weights = next(step for step in reversed(steps) if step.digest)
    assert weights.total == weights.completed
    assert weights.status == f"pulling {weights.digest.removeprefix('sha256:')[:12]}"
    assert names(here) == [f"{FAR}:latest"]
    assert len(here.client.embed(model=FAR, input="sky").embeddings[0]) == 64


def test_the_official_client_pulls_and_waits(here, far):
    assert here.client.pull(FAR).status == "success"
    assert here.http.post("/api/pull", json={"name": FAR, "stream": False}).content == (
        b'{"status":"success"}'
    )
    assert names(here) == [f"{FAR}:latest"]


def test_a_model_that_is_here_is_told_as_one_layer(here):
    here.hub.pull("tiny")
    answer = here.http.post("/api/pull", json={"model": "TINY"})
    assert answer.headers["content-type"] == "application/x-ndjson"
    assert answer.content.endswith(b"}\n")
    first, layer, last = map(json.loads, answer.text.splitlines())
    assert (first["status"], last["status"]) == ("pulling manifest", "success")
    assert layer["digest"] == f"sha256:{here.hub.find('tiny').digest}"
    assert layer["total"] == layer["completed"]


def test_parts_arrive_before_the_end(here, far):
    far.hold_after = 50_000
    with here.http.stream("POST", "/api/pull", json={"model": FAR}) as answer:
        lines = answer.iter_lines()
        assert json.loads(next(lines)) == {"status": "pulling manifest"}
        assert any("pulling config.json" in line for line in lines)
        assert far.holding.wait(30)
        assert names(here) == []
        # Others are served meanwhile.
        assert here.http.get("/api/tags").json() == {"models": []}
        far.go_on.set()
        assert json.loads(list(lines)[-1]) == {"status": "success"}
    assert names(here) == [f"{FAR}:latest"]


def test_two_clients_share_one_download(here, far):
    far.hold_after = 50_000
    said: list[list[str]] = []

    def pull() -> None:
        with ollama.Client(host=here.url) as client:
            said.append([str(step.status) for step in client.pull(FAR, stream=True)])

    threads = [threading.Thread(target=pull) for _ in range(2)]
    threads[0].start()
    assert far.holding.wait(30)
    threads[1].start()
    far.go_on.set()
    for thread in threads:
        thread.join()
    assert [steps[-1] for steps in said] == ["success", "success"]
    assert len(far.downloads("model.safetensors")) == 1


@pytest.mark.parametrize("stream", [True, False])
def test_a_client_that_goes_leaves_no_half_model(here, far, stream):
    far.hold_after = 50_000
    body = json.dumps({"model": FAR, "stream": stream}).encode()
    head = b"POST /api/pull HTTP/1.1\r\nhost: localhost\r\ncontent-length: %d\r\n\r\n" % len(body)
    with socket.create_connection((urlsplit(here.url).hostname, urlsplit(here.url).port)) as client:
        client.sendall(head + body)
        assert far.holding.wait(30)
    counted = 'route="/api/pull"'
    while counted not in here.http.get("/metrics").text:
        pass  # The server has noticed when it counts the request as answered.
    far.go_on.set()
    for thread in threading.enumerate():
        if thread.name.startswith("simile-pull"):
            thread.join(30)
    assert names(here) == []
    assert not list((here.home / "home" / "partial").glob("*.new"))
    assert here.client.pull(FAR).status == "success"


@pytest.mark.parametrize("stream", [True, False])
def test_an_unknown_model_is_told_in_ollamas_words(here, stream):
    answer = here.http.post("/api/pull", json={"model": "never-heard-of", "stream": stream})
    assert answer.status_code == (200 if stream else 404)
    last = json.loads(answer.text.splitlines()[-1])
    assert last["error"].startswith("pull model manifest: file does not exist: ")
    with pytest.raises(ollama.ResponseError, match="file does not exist"):
        list(here.client.pull("never-heard-of", stream=True))
    with pytest.raises(ollama.ResponseError, match="file does not exist"):
        here.client.pull("never-heard-of")


@pytest.mark.parametrize(
    ("body", "status", "text"),
    [
        ({}, 400, "invalid model name"),
        ({"model": "a b"}, 400, "invalid model name"),
        ({"model": "../../etc"}, 400, "invalid model name"),
        ({"model": "a:b.gguf"}, 400, "invalid model name"),
        ({"model": "http://hf.co/a/b"}, 400, "insecure protocol http"),
    ],
)
def test_what_cannot_be_pulled_has_the_usual_envelope(here, body, status, text):
    assert error_of(here.http.post("/api/pull", json=body)) == (status, text)


def test_pulling_can_be_switched_off(here, serving):
    with serving(create_app(here.hub, here.residency, allow_pull=False)) as url:
        with ollama.Client(host=url) as client, pytest.raises(ollama.ResponseError) as caught:
            client.pull("tiny")
    assert caught.value.status_code == 403
    assert "--no-pull" in caught.value.error
    assert names(here) == []


def test_delete_unloads_and_removes(here):
    here.hub.pull("tiny")
    here.client.embed(model="tiny", input="sky")
    assert len(here.client.ps().models) == 1
    assert here.client.delete("TINY").status == "success"
    assert here.client.ps().models == []
    assert here.client.list().models == []
    assert error_of(here.http.post("/api/embed", json={"model": "tiny"})) == (
        404,
        'model "tiny" not found, try pulling it first',
    )
    with pytest.raises(ollama.ResponseError, match=r"model 'Tiny' not found") as caught:
        here.client.delete("Tiny")
    assert caught.value.status_code == 404


def test_delete_has_an_empty_answer_and_removes_a_damaged_model(here):
    (here.hub.pull("tiny").path / "config.json").unlink()
    answer = delete(here.http, name="tiny")
    assert (answer.status_code, answer.content) == (200, b"")
    assert error_of(delete(here.http, model="a b")) == (400, 'name "a b" is invalid')
    assert here.http.request("DELETE", "/api/delete").json() == {"error": "missing request body"}
    assert here.http.post("/api/delete", json={}).status_code == 405


def test_copy_answers_under_both_names(here):
    here.hub.pull("tiny")
    assert here.client.copy("tiny", "me/mine:v2").status == "success"
    assert {model.model for model in here.client.list().models} == {"tiny:latest", "me/mine:v2"}
    vectors = [here.client.embed(model=m, input="sky").embeddings for m in ("tiny", "me/mine:v2")]
    assert vectors[0] == vectors[1]
    here.client.delete("tiny")
    assert here.client.embed(model="me/mine:v2", input="sky").embeddings == vectors[0]


@pytest.mark.parametrize(
    ("body", "status", "text"),
    [
        ({}, 400, 'source "" is invalid'),
        ({"source": "tiny", "destination": "../x"}, 400, 'destination "../x" is invalid'),
        ({"source": "nope", "destination": "x"}, 404, 'model "nope" not found'),
    ],
)
def test_errors_of_copy(here, body, status, text):
    assert error_of(here.http.post("/api/copy", json=body)) == (status, text)


@pytest.mark.parametrize("path", ["/api/generate", "/api/chat"])
def test_stop_unloads_and_an_empty_prompt_loads(here, path):
    here.hub.pull("tiny")
    loaded = here.http.post(path, json={"model": "tiny", "keep_alive": "1h"}).json()
    assert (loaded["model"], loaded["done"], loaded["done_reason"]) == ("tiny", True, "load")
    assert [model.model for model in here.client.ps().models] == ["tiny:latest"]
    gone = here.http.post(path, json={"model": "Tiny:latest", "keep_alive": 0}).json()
    assert (gone["model"], gone["done_reason"]) == ("Tiny:latest", "unload")
    assert here.client.ps().models == []
    # Nothing to unload is no error, and nothing is loaded for it.
    again = here.http.post(path, json={"model": "tiny", "keep_alive": 0})
    assert again.json()["done_reason"] == "unload"
    assert here.client.ps().models == []


def test_the_official_client_warms_up_stops_and_is_told_what_this_is(here):
    here.hub.pull("tiny")
    assert here.client.generate(model="tiny", prompt="").done_reason == "load"
    assert here.client.chat(model="tiny", messages=[], keep_alive=0).done_reason == "unload"
    with pytest.raises(ollama.ResponseError, match=r'^"tiny" does not support generate') as caught:
        here.client.generate(model="tiny", prompt="Why is the sky blue?")
    assert caught.value.status_code == 400
    assert "embedding models only" in caught.value.error
    with pytest.raises(ollama.ResponseError, match=r'^"tiny" does not support chat'):
        here.client.chat(model="tiny", messages=[{"role": "user", "content": "Hi"}])
    with pytest.raises(ollama.ResponseError, match="model 'nope' not found") as caught:
        here.client.chat(model="nope", messages=[])
    assert caught.value.status_code == 404


def test_one_model_of_openai(here, far):
    here.hub.pull("tiny")
    here.client.pull(FAR)
    with openai.OpenAI(base_url=f"{here.url}/v1", api_key="unused", max_retries=0) as client:
        model = client.models.retrieve("Tiny")
        assert (model.id, model.object, model.owned_by) == ("Tiny", "model", "library")
        assert model.created == int(here.hub.find("tiny").modified_at.timestamp())
        assert client.models.retrieve(FAR).owned_by == "acme"
        with pytest.raises(openai.NotFoundError, match="model 'nope:latest' not found"):
            client.models.retrieve("nope")
    assert here.http.get(f"/v1/models/{FAR}").json()["id"] == FAR
    assert here.http.get("/v1/models/").json() == here.http.get("/v1/models").json()


@pytest.mark.parametrize(
    ("method", "path", "text"),
    [
        ("POST", "/api/create", "create"),
        ("POST", "/api/push", "push"),
        ("POST", f"/api/blobs/sha256:{'0' * 64}", "create"),
    ],
)
def test_what_is_not_offered_is_403(here, method, path, text):
    status, error = error_of(here.http.request(method, path, content=b"anything"))
    assert status == 403
    assert text in error
    assert here.http.head(f"/api/blobs/sha256:{'0' * 64}").status_code == 403


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
FIELDS = ("model", "name", "source", "destination", "stream", "insecure", "verbose", "prompt")
BODIES = st.dictionaries(
    st.sampled_from((*FIELDS, "messages", "keep_alive", "options")), JSON, max_size=4
).map(lambda fields: json.dumps(fields).encode())


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(path=st.sampled_from(POSTS), body=BODIES | st.binary(max_size=40))
def test_malformed_bodies_never_break_anything(here, path, body):
    method = "DELETE" if path == "delete" else "POST"
    answer = here.http.request(method, f"/api/{path}", content=body)
    if answer.status_code != 200:
        assert list(answer.json()) == ["error"]
        assert answer.status_code in (400, 403, 404)


@pytest.fixture
def ollamas(tmp_path) -> Path:
    """A folder of Ollama's with `tiny`, which embeds, and `llama3`, which does not."""
    ollama = Ollama(tmp_path / "ollama")
    for name, pooling in (("tiny", PoolingType.MEAN), ("llama3", None)):
        data = write_gguf(tmp_path / "made" / f"{name}.gguf", pooling=pooling).read_bytes()
        content = ollama.manifest([("model", data)])
        ollama.add(f"registry.ollama.ai/library/{name}/latest", content)
    return ollama.folder


def test_what_ollama_has_is_listed_and_copied_and_not_deleted(tmp_path, serving, ollamas):
    hub = Hub(tmp_path / "home", ollama_models=ollamas)
    residency = Residency(hub.find)
    with serving(create_app(hub, residency)) as url, ollama.Client(host=url) as client:
        (tiny,) = client.list().models
        assert tiny.details
        assert (tiny.model, tiny.details.format) == ("tiny:latest", "gguf")
        assert client.pull("tiny").status == "success"
        status, error = error_of(httpx2.post(f"{url}/api/embed", json={"model": "llama3"}))
        assert status == 501
        assert error.startswith("llama3:latest is a chat model")
        answer = httpx2.request("DELETE", f"{url}/api/delete", json={"model": "tiny"})
        assert answer.status_code == 400
        assert "ollama rm tiny:latest" in answer.text
        client.copy("tiny", "mine")
        client.delete("mine")
        assert [model.model for model in client.list().models] == ["tiny:latest"]
    residency.close()


def test_a_model_comes_from_a_registry_step_by_step(here, far, tmp_path):
    weights = write_gguf(tmp_path / "made" / "x.gguf", rows=8_000).read_bytes()
    registry = Registry(far)
    registry.add([("model", weights), ("params", b'{"num_ctx": 64}')])
    name = f"http://{registry.host}/acme/tiny"
    said = list(here.client.pull(name, insecure=True, stream=True))
    digest = hashlib.sha256(weights).hexdigest()
    statuses = [step.status for step in said]
    assert statuses[:2] == ["pulling manifest", f"asking {registry.host}"]
    assert statuses[-3:] == ["verifying sha256 digest", "writing manifest", "success"]
    layer = [step for step in said if step.status == f"pulling {digest[:12]}"][-1]
    assert (layer.digest, layer.total, layer.completed) == (
        f"sha256:{digest}",
        len(weights),
        len(weights),
    )
    assert names(here) == [f"{registry.host}/acme/tiny:latest"]


def test_a_model_that_no_registry_has_is_said_as_ollama_does(here, far):
    host = Registry(far).host
    with pytest.raises(ollama.ResponseError, match="pull model manifest: file does not exist"):
        here.client.pull(f"http://{host}/acme/absent", insecure=True)
