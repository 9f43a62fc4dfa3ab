"""Pulling from a registry that speaks Ollama's protocol: a real server on loopback."""

import json
import pickle
import socket
import subprocess
import sys
import time
from contextlib import suppress
from hashlib import sha256
from threading import Thread
from types import SimpleNamespace

import pytest
from tests.gguf_files import write_gguf

from simile.errors import (
    DownloadError,
    ModelNotFoundError,
    UnsupportedModelError,
)
from simile.hub.catalog import KnownModel
from simile.hub.hub import Hub, PullProgress
from simile.hub.sources import connections, download

KIND = "application/vnd.ollama.image."
PULLER = """
import pickle, sys
from simile.hub.hub import Hub
home, registry = pickle.loads(bytes.fromhex(sys.argv[1]))
def say(step):
    print(step.status, flush=True)
print("pulled", Hub(home, registry=registry).pull("acme/tiny", progress=say).digest, flush=True)
"""


class Registry:
    """Puts models onto the server of this folder's conftest, as Ollama's registry shows them."""

    def __init__(self, server):
        self.server = server
        self.host = server.url.removeprefix("http://")

    def add(self, layers, name="acme/tiny", tag="latest"):
        manifest = json.dumps(
            {
                "schemaVersion": 2,
                "config": self.layer(name, "config", b"{}"),
                "layers": [self.layer(name, kind, data) for kind, data in layers],
            }
        ).encode()
        self.server.pages[f"/v2/{name}/manifests/{tag}"] = manifest
        return manifest

    def layer(self, name, kind, data):
        digest = sha256(data).hexdigest()
        self.server.pages[f"/v2/{name}/blobs/sha256:{digest}"] = data
        return {"mediaType": KIND + kind, "digest": f"sha256:{digest}", "size": len(data)}


@pytest.fixture
def weights(tmp_path):
    return write_gguf(tmp_path / "made" / "tiny.gguf", rows=12_000).read_bytes()


@pytest.fixture
def blob(weights):
    return f"/v2/acme/tiny/blobs/sha256:{sha256(weights).hexdigest()}"


@pytest.fixture
def far(server, weights):
    """A registry with one model."""
    registry = Registry(server)
    layers = [
        ("model", weights),
        ("template", b"{{ .Prompt }}"),
        ("params", b'{"num_ctx": 128}'),
        ("license", b"MIT License\n\nCopyright"),
    ]
    manifest = registry.add(layers)
    return SimpleNamespace(registry=registry, host=registry.host, manifest=manifest, server=server)


@pytest.fixture
def hub(home, far):
    return Hub(home, registry=far.host, catalog=[])


def parts(home):
    return [path.name for path in (home / "partial").glob("*.part")]


def test_a_model_comes_whole(hub, far, home, weights):
    seen: list[PullProgress] = []
    model = hub.pull("acme/tiny", progress=seen.append)
    assert model == hub.find("acme/tiny")
    assert model.path.name == "model.gguf"
    assert model.path.read_bytes() == weights
    assert model.digest == sha256(far.manifest).hexdigest()
    assert (model.license, model.window) == ("MIT", 128)
    assert model.source == f"acme/tiny:latest at {far.host}"
    inside = sorted(path.name for path in model.path.parent.iterdir())
    assert inside == ["LICENSE", "manifest.json", "model.gguf", "params.json"]
    assert parts(home) == []
    last = [step for step in seen if step.file == "model.gguf"][-1]
    assert (last.completed_bytes, last.total_bytes) == (len(weights), len(weights))
    assert last.sha256 == sha256(weights).hexdigest()
    assert (seen[0].status, seen[-1].status) == (f"asking {far.host}", "writing manifest")
    assert far.server.authorizations == {""}
    before = len(far.server.requests)
    assert hub.pull("ACME/tiny") == model
    assert len(far.server.requests) == before


def test_a_name_may_say_the_host(home, far):
    name = f"{far.host}/acme/tiny:latest"
    model = Hub(home, registry=None).pull(f"http://{name}")
    assert model.name == name
    assert Hub(home).find(name) == model


def test_a_cut_connection_is_gone_on_with(hub, far, blob, weights):
    far.server.cut_after = 1_000_000
    assert hub.pull("acme/tiny").path.read_bytes() == weights
    assert far.server.downloads(blob) == ["", "bytes=1000000-"]


def test_what_an_earlier_pull_left_is_gone_on_with(hub, far, home, blob, weights):
    page = far.server.pages.pop(blob)
    ending = f".{sha256(weights).hexdigest()[:16]}.part"
    with pytest.raises(DownloadError, match="answered 404"):
        hub.pull("acme/tiny")
    far.server.pages[blob] = page
    stem = next((home / "partial").glob("*.lock")).name.removesuffix(".lock")
    (home / "partial" / f"{stem}{ending}").write_bytes(weights[:2_000_000])
    (home / "partial" / f"{stem}.0123456789abcdef.part").write_bytes(b"of another version")
    assert hub.pull("acme/tiny").path.read_bytes() == weights
    assert far.server.downloads(blob)[-1] == "bytes=2000000-"
    assert parts(home) == []


def test_wrong_bytes_kept_from_before_are_fetched_anew(hub, far, home, blob, weights):
    page = far.server.pages.pop(blob)
    with pytest.raises(DownloadError):
        hub.pull("acme/tiny")
    far.server.pages[blob] = page
    stem = next((home / "partial").glob("*.lock")).name.removesuffix(".lock")
    ending = f".{sha256(weights).hexdigest()[:16]}.part"
    (home / "partial" / f"{stem}{ending}").write_bytes(bytes(len(weights)))
    assert hub.pull("acme/tiny").path.read_bytes() == weights


def test_a_wrong_digest_is_refused_and_not_kept(hub, far, home, blob, weights):
    far.server.pages[blob] = weights[:-1] + b"\1"
    with pytest.raises(DownloadError, match=r"sha256 of model\.gguf is [0-9a-f]{64}, expected"):
        hub.pull("acme/tiny")
    assert parts(home) == []
    assert hub.models() == []


def test_more_bytes_than_announced_are_not_taken(hub, far, home, blob, weights):
    far.server.pages[blob] = weights + weights
    with pytest.raises(DownloadError, match=f"sends more than {len(weights):,} bytes"):
        hub.pull("acme/tiny")


def test_a_redirect_to_another_server_is_followed(
    hub, far, blob, weights, second_server, monkeypatch
):
    everywhere_is_outside(monkeypatch)
    far.server.moved[blob] = f"{second_server.url}/far/away"
    second_server.pages["/far/away"] = weights
    assert hub.pull("acme/tiny").path.read_bytes() == weights
    assert second_server.authorizations == {""}
    assert [request[1] for request in second_server.requests] == ["/far/away"]


def everywhere_is_outside(monkeypatch):
    monkeypatch.setattr(connections, "is_inner", lambda _: False)
    monkeypatch.setattr(download, "is_loopback", lambda _: False)


@pytest.mark.parametrize(
    "to",
    ["http://127.0.0.1:{port}/x", "http://localhost:{port}/x", "http://[::1]:{port}/x",
     "http://[::ffff:127.0.0.1]:{port}/x", "http://0.0.0.0:{port}/x", "http://2130706433:{port}/x",
     "http://0x7f.1:{port}/x", "http://10.0.0.1/x", "http://169.254.169.254/latest",
     "http://[fd00::1]/x", "http://[64:ff9b::a00:1]/x", "http://192.168.1.1/x",
     "ftp://example.com/x", "file:///etc/passwd"],
)  # fmt: skip
@pytest.mark.parametrize("what", ["manifest", "blob"])
def test_a_redirect_inside_is_not_followed(hub, far, blob, second_server, to, what):
    port = second_server.url.rpartition(":")[2]
    second_server.pages["/x"] = b"secret"
    path = blob if what == "blob" else "/v2/acme/tiny/manifests/latest"
    far.server.moved[path] = to.format(port=port)
    with pytest.raises(DownloadError) as failure:
        hub.pull("acme/tiny")
    assert second_server.requests == [] and "secret" not in str(failure.value)


def test_a_redirect_gets_no_range(hub, far, blob, weights, second_server, monkeypatch, home):
    """With one, a registry could have a secret of another server told byte by byte."""
    far.server.cut_after = 100_000
    far.server.ranges = False
    everywhere_is_outside(monkeypatch)
    second_server.pages["/far/away"] = weights
    far.server.moved[blob] = f"{second_server.url}/far/away"
    second_server.cut_after = 100_000
    assert hub.pull("acme/tiny").path.read_bytes() == weights
    assert {span for _, _, span in second_server.requests} == {""}


def test_redirects_end(hub, far, blob):
    far.server.moved[blob] = blob
    with pytest.raises(DownloadError, match="from one place to the next"):
        hub.pull("acme/tiny")


def test_a_manifest_that_drips_ends(hub, monkeypatch):
    monkeypatch.setattr(download, "SMALL_S", 1.0)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        host = f"127.0.0.1:{listening.getsockname()[1]}"

        def drip():
            with suppress(OSError), listening.accept()[0] as client:
                client.sendall(b"HTTP/1.1 200 OK\r\nx-drip: ")
                while True:
                    client.sendall(b"a")
                    time.sleep(0.05)

        Thread(target=drip, daemon=True).start()
        with pytest.raises(DownloadError, match="takes too long"):
            hub.pull(f"{host}/acme/tiny")


def test_a_pull_that_nobody_wants_ends_while_it_waits(hub, monkeypatch):
    monkeypatch.setattr(connections, "POLL_S", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        host = f"127.0.0.1:{listening.getsockname()[1]}"
        steps: list[PullProgress] = []

        def report(step):
            steps.append(step)
            if len(steps) > 3:
                raise KeyError("gone")

        with pytest.raises(KeyError, match="gone"):
            hub.pull(f"{host}/acme/tiny", progress=report)


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "10.1.2.3", "172.16.0.1", "192.168.0.1",
                                     "169.254.1.1", "fe80::1%lo", "fc00::1", "::", "0.0.0.0",
                                     "224.0.0.1", "ff02::1", "255.255.255.255", "100.64.0.1",
                                     "::ffff:10.0.0.1", "2002:0a00:0001::", "64:ff9b::7f00:1",
                                     "192.0.2.1", "240.0.0.1"])  # fmt: skip
def test_inner_addresses_are_known(address):
    assert connections.is_inner(address)


@pytest.mark.parametrize("address", ["1.1.1.1", "2606:4700::1111", "8.8.8.8", "64:ff9b::808:808"])
def test_outer_addresses_are_known(address):
    assert not connections.is_inner(address)


def test_an_unknown_model_is_no_model(hub, home, far):
    with pytest.raises(ModelNotFoundError, match=f"{far.host} has no model acme/other:latest"):
        hub.pull("acme/other")
    with pytest.raises(ModelNotFoundError, match="has no model acme/tiny:v2"):
        hub.pull("acme/tiny:v2")
    assert hub.models() == []


def test_a_chat_model_is_refused_before_it_is_downloaded(hub, far, home, tmp_path):
    chat = write_gguf(
        tmp_path / "made" / "chat.gguf", kind="llama", pooling=None, tokens=9_000, rows=60_000
    ).read_bytes()
    far.registry.add([("model", chat)])
    seen: list[PullProgress] = []
    with pytest.raises(UnsupportedModelError, match=r"tiny:latest is a chat model \(llama\)"):
        hub.pull("acme/tiny", progress=seen.append)
    assert max(step.completed_bytes for step in seen) < len(chat) / 4
    assert parts(home) == []
    assert hub.models() == []


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"<!DOCTYPE html>", "manifest of acme/tiny:latest is damaged"),
        (b"[]", "manifest of acme/tiny:latest is damaged"),
        (b" " * 5_000_000, "longer than 4,194,304 bytes"),
    ],
)
def test_an_answer_that_is_no_manifest_is_refused(hub, far, answer, said):
    far.server.pages["/v2/acme/tiny/manifests/latest"] = answer
    with pytest.raises(DownloadError, match=said):
        hub.pull("acme/tiny")


def test_a_registry_that_wants_a_login_is_not_given_one(hub, far):
    far.server.password = "secret"
    with pytest.raises(DownloadError, match="answered 401"):
        hub.pull("acme/tiny")
    assert far.server.authorizations == {""}


def test_a_registry_that_is_not_there_is_named(home, far):
    hub = Hub(home, registry="127.0.0.1:1", catalog=[])
    with pytest.raises(DownloadError, match=r"registry \(127\.0\.0\.1:1\): 127\.0\.0\.1"):
        hub.pull("tiny")


def test_a_known_model_is_asked_of_the_registry_last(home, far, weights, tmp_path):
    far.registry.add([("model", weights)], "library/tiny")
    known = KnownModel(("tiny",), ("latest",), "acme/Tiny-Model", "MIT", {"query": "q: "})
    model = Hub(home, registry=far.host, catalog=[known]).pull("Tiny")
    assert (model.name, model.prompts, model.path.name) == (
        "tiny:latest",
        {"query": "q: "},
        "model.gguf",
    )
    far.server.pages.clear()
    with pytest.raises(DownloadError) as caught:
        Hub(tmp_path / "elsewhere", registry=far.host, catalog=[known]).pull("tiny")
    lines = str(caught.value).splitlines()
    assert "Hugging Face (acme/Tiny-Model)" in lines[1]
    assert lines[3] == f"  registry ({far.host}): {far.host} has no model library/tiny:latest"


def test_only_this_machine_is_asked_without_encryption(home, monkeypatch):
    from simile.hub.sources import registry

    asked: list[str] = []

    def read_small(url, **_):
        asked.append(url)
        raise DownloadError("far away")

    monkeypatch.setattr(registry, "read_small", read_small)
    for host in ("localhost:5000", "127.0.0.2", "registry.example", "127.0.0.1.example"):
        with pytest.raises(DownloadError):
            Hub(home).pull(f"{host}/acme/tiny")
    with pytest.raises(DownloadError):
        Hub(home).pull("http://registry.example/acme/tiny", insecure=True)
    assert [url.partition("/v2")[0] for url in asked] == [
        "http://localhost:5000",
        "http://127.0.0.2",
        "https://registry.example",
        "https://127.0.0.1.example",
        "http://registry.example",
    ]


def test_the_same_digest_here_and_in_ollamas_folder(hub, far, tmp_path):
    ollama = tmp_path / "ollama" / "manifests" / "registry.ollama.ai" / "acme" / "tiny"
    ollama.mkdir(parents=True)
    (ollama / "latest").write_bytes(far.manifest)
    blobs = tmp_path / "ollama" / "blobs"
    blobs.mkdir()
    for path, data in far.server.pages.items():
        if "/blobs/sha256:" in path:
            (blobs / path.rpartition("/")[2].replace(":", "-")).write_bytes(data)
    in_place = Hub(tmp_path / "none", ollama_models=tmp_path / "ollama").find("acme/tiny")
    pulled = hub.pull("acme/tiny")
    assert (in_place.digest, in_place.license) == (pulled.digest, pulled.license)
    assert in_place.window == pulled.window


def test_the_second_process_takes_what_the_first_brought(hub, far, home, blob):
    far.server.hold_after = 1_000_000
    argument = pickle.dumps((home, far.host)).hex()
    running = []
    try:
        for expected in ("downloading", "waiting for another process"):
            process = subprocess.Popen(
                [sys.executable, "-c", PULLER, argument], stdout=subprocess.PIPE, text=True
            )
            running.append(process)
            assert process.stdout
            assert any(line.startswith(expected) for line in process.stdout)
        far.server.go_on.set()
        digests = {process.communicate(timeout=20)[0].split()[-1] for process in running}
    finally:
        for process in running:
            process.kill()
            process.communicate()
    assert digests == {hub.find("acme/tiny").digest}
    assert far.server.downloads(blob) == [""]
