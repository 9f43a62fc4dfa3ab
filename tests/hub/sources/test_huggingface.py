"""The hub as a source: the real huggingface_hub against a small hub on loopback."""

import hashlib
import json
import os
import pickle
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from simile.errors import DownloadError
from simile.hub.hub import Hub

REPO = "acme/Tiny-Model"
COMMIT = "0123456789abcdef0123456789abcdef01234567"
NOT_NEEDED = {
    "README.md": b"#",
    "pytorch_model.bin": b"pickled",
    "onnx/config.json": b"{}",
    "onnx/model.onnx": b"onnx",
    "openvino/config.json": b"{}",
}
PULLER = """
import json, pickle, sys
from simile.hub.hub import Hub
steps = []
model = Hub(pickle.loads(bytes.fromhex(sys.argv[1]))).pull(sys.argv[2], progress=steps.append)
done = {s.file: s.completed_bytes for s in steps if s.status == "downloading"}
print(json.dumps({"downloaded": done, "digest": model.digest}))
"""


def serve_repo(server: Any, files: Mapping[str, bytes], revision: str = "main") -> None:
    """Answer as the hub does for one repository whose large files are in LFS."""
    siblings: list[dict[str, Any]] = []
    for name, data in files.items():
        digest = hashlib.sha256(data).hexdigest()
        siblings.append({"rfilename": name, "size": len(data), "blobId": digest[:40]})
        if name.endswith((".safetensors", ".bin")):
            siblings[-1]["lfs"] = {"sha256": digest, "size": len(data), "pointerSize": 100}
        path = f"/{REPO}/resolve/{revision}/{name}"
        server.pages[path] = data
        server.headers[path] = {"ETag": f'"{digest}"', "X-Repo-Commit": COMMIT}
    info = {"id": REPO, "sha": COMMIT, "siblings": siblings, "cardData": {"license": "apache-2.0"}}
    server.pages[f"/api/models/{REPO}/revision/{revision}"] = json.dumps(info).encode()


@pytest.fixture
def endpoint(monkeypatch):
    """Point huggingface_hub, which reads its variables when imported, to another hub."""
    from huggingface_hub import constants

    def use(url: str) -> None:
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(constants, "ENDPOINT", url)
        template = url + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)

    return use


@pytest.fixture
def snapshot(tmp_path: Path, kit: Any, files: Mapping[str, bytes]) -> Path:
    """What another program left in the hub's cache: the repository, as of its main branch."""
    repo = tmp_path / "hf-cache" / "models--acme--Tiny-Model"
    kit.write_files(repo, {"refs/main": COMMIT.encode()})
    folder: Path = kit.write_files(repo / "snapshots" / COMMIT, files)
    return folder


def test_environment_is_honored_and_the_cache_shared(server, files, tmp_path):
    serve_repo(server, files | NOT_NEEDED)

    def pull(home: str, **variables: str) -> Any:
        command = [
            sys.executable,
            "-c",
            PULLER,
            pickle.dumps(tmp_path / home).hex(),
            f"hf.co/{REPO}",
        ]
        env = os.environ | {"HF_HOME": str(tmp_path / "hf")} | variables
        done = subprocess.run(command, env=env, stdout=subprocess.PIPE, check=True, timeout=60)
        return json.loads(done.stdout)

    online = pull("home", HF_ENDPOINT=server.url, HF_TOKEN="hf_secret")
    assert online["downloaded"] == {name: len(data) for name, data in files.items()}
    assert server.authorizations == {"", "Bearer hf_secret"}
    assert not any("agent" in path or "telemetry" in path for _, path, _ in server.requests)
    server.requests.clear()
    offline = pull("other", HF_HUB_OFFLINE="1")
    assert offline == {"downloaded": {}, "digest": online["digest"]}
    assert server.requests == []


def test_only_what_an_encoder_needs_is_taken(server, files, home, endpoint):
    serve_repo(server, files | NOT_NEEDED)
    endpoint(server.url)
    model = Hub(home).pull(f"hf.co/{REPO}")
    assert model.name == f"hf.co/{REPO}:latest"
    assert model.license == "apache-2.0"
    assert COMMIT in model.source
    assert {name: (model.path / name).read_bytes() for name in files} == files
    asked_for = {path.partition("/resolve/main/")[2] for _, path, _ in server.requests}
    assert asked_for - {""} == set(files)


def test_cache_alone_is_enough(snapshot, home):
    model = Hub(home).pull(f"huggingface.co/{REPO}")
    assert model.source == f"{REPO} at {COMMIT} in the Hugging Face cache"
    assert (model.path / "config.json").samefile(snapshot / "config.json")


def test_hub_out_of_reach_leaves_its_cache(snapshot, home, endpoint):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        nobody = f"http://127.0.0.1:{taken.getsockname()[1]}"
        endpoint(nobody)
        assert Hub(home).pull(f"hf.co/{REPO}").digest
        with pytest.raises(
            DownloadError, match=f"{nobody} cannot be reached.*cache on this machine"
        ):
            Hub(home).pull("hf.co/acme/Other")


def test_cache_without_modules_json_is_not_guessed_from(snapshot, home):
    (snapshot / "modules.json").unlink()
    with pytest.raises(DownloadError, match=r"modules\.json is unknown"):
        Hub(home).pull(f"hf.co/{REPO}")


def test_cache_of_a_repository_known_to_have_no_modules_json_is_taken(snapshot, home):
    (snapshot / "modules.json").unlink()
    gone = snapshot.parent.parent / ".no_exist" / COMMIT
    gone.mkdir(parents=True)
    (gone / "modules.json").touch()
    assert Hub(home).pull(f"hf.co/{REPO}").digest


def test_damaged_file_in_the_cache_is_fetched_again(server, files, home, endpoint, tmp_path):
    serve_repo(server, files)
    endpoint(server.url)
    first = Hub(home).pull(f"hf.co/{REPO}")
    weights = next((tmp_path / "hf-cache").rglob("snapshots/*/model.safetensors")).resolve()
    weights.unlink()
    weights.write_bytes(b"damaged")
    assert Hub(tmp_path / "other").pull(f"hf.co/{REPO}").digest == first.digest
    assert len(server.downloads("model.safetensors")) == 2


def test_known_model_comes_from_its_repository(server, kit, files, home, endpoint):
    serve_repo(server, files | {"vocab.txt": b"not pinned"})
    endpoint(server.url)
    model = Hub(home, catalog=[kit.known_model(files)]).pull("tiny")
    assert (model.name, model.license) == ("tiny:latest", "MIT")
    assert not (model.path / "vocab.txt").exists()


def test_hub_that_says_another_sha256_is_not_downloaded_from(server, kit, files, home, endpoint):
    serve_repo(server, files)
    endpoint(server.url)
    hub = Hub(home, catalog=[kit.known_model(files | {"model.safetensors": b"another"})])
    with pytest.raises(DownloadError, match=r"sha256 of model\.safetensors is \w+, expected"):
        hub.pull("tiny")
    assert server.downloads("model.safetensors") == []


def test_prompts_of_a_known_repository_are_known_under_its_hub_name(snapshot, kit, files, home):
    model = Hub(home, catalog=[kit.known_model(files)]).pull(f"HF.co/{REPO}")
    assert model.prompts == {"query": "q: "}


def test_tag_is_a_revision(server, files, home, endpoint):
    serve_repo(server, files, revision="v2")
    endpoint(server.url)
    assert Hub(home).pull(f"hf.co/{REPO}:v2").name == f"hf.co/{REPO}:v2"
    with pytest.raises(DownloadError, match="404"):
        Hub(home).pull(f"hf.co/{REPO}")


def test_repository_with_pickled_weights_only_is_refused(server, files, home, endpoint):
    files["pytorch_model.bin"] = files.pop("model.safetensors")
    serve_repo(server, files)
    endpoint(server.url)
    message = r"pytorch_model\.bin is there, but pickled weights are"
    with pytest.raises(DownloadError, match=message):
        Hub(home).pull(f"hf.co/{REPO}")
    assert server.downloads("pytorch_model.bin") == []
