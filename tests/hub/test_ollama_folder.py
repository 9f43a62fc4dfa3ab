"""The models that Ollama has pulled are found, listed and copied where they lie."""

import json
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tests.gguf_files import write_gguf

from simile.errors import (
    CheckpointError,
    InputError,
    ModelNotFoundError,
    UnsupportedModelError,
)
from simile.hub.catalog import KnownModel
from simile.hub.hub import Hub
from simile.hub.names import ModelName
from simile.hub.ollama_folder import OllamaFolder

KIND = "application/vnd.ollama.image."
LICENSE = b"\n   Apache License\n   Version 2.0, January 2004\n"
KNOWN = KnownModel(
    ("tiny",), ("latest",), "acme/Tiny", "MIT", {"query": "q: "}, dimensions=(64, 32)
)


class Ollama:
    """Writes a folder as Ollama does."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def blob(self, data: bytes) -> dict[str, Any]:
        digest = sha256(data).hexdigest()
        path = self.folder / "blobs" / f"sha256-{digest}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return {"digest": f"sha256:{digest}", "size": len(data)}

    def manifest(self, layers: list[tuple[str, bytes]]) -> dict[str, Any]:
        return {
            "schemaVersion": 2,
            "config": {"mediaType": "application/vnd.docker", **self.blob(b'{"os": "linux"}')},
            "layers": [{"mediaType": KIND + kind, **self.blob(data)} for kind, data in layers],
        }

    def add(self, name: str, content: object) -> Path:
        """Write a manifest for host/namespace/model/tag."""
        path = self.folder / "manifests" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content), encoding="utf-8")
        return path


@pytest.fixture
def weights(tmp_path) -> bytes:
    return write_gguf(tmp_path / "made" / "tiny.gguf").read_bytes()


@pytest.fixture
def here(tmp_path, weights):
    """Ollama's folder with an embedding model, in the library and elsewhere, and a chat model."""
    ollama = Ollama(tmp_path / "ollama")
    layers = [("model", weights), ("license", LICENSE), ("params", b'{"num_ctx": 256}')]
    content = ollama.manifest([*layers, ("template", b"{{ .Prompt }}")])
    path = ollama.add("registry.ollama.ai/library/Tiny/latest", content)
    ollama.add("hf.co/acme/tiny/Q8_0", ollama.manifest([("model", weights)]))
    chat = write_gguf(tmp_path / "made" / "chat.gguf", kind="llama", pooling=None).read_bytes()
    ollama.add("registry.ollama.ai/library/llama3/latest", ollama.manifest([("model", chat)]))
    hub = Hub(tmp_path / "home", catalog=[KNOWN], ollama_models=ollama.folder)
    return SimpleNamespace(
        ollama=ollama, hub=hub, manifest=path, content=content, home=tmp_path / "home"
    )


def everything_below(folder: Path) -> dict[str, float]:
    return {str(path): path.stat().st_mtime_ns for path in folder.rglob("*")}


def test_a_model_of_ollamas_is_found_in_place(here, weights):
    before = everything_below(here.ollama.folder)
    model = here.hub.find("TINY")
    assert model.name == "Tiny:latest"
    assert model.path == here.ollama.folder / "blobs" / f"sha256-{sha256(weights).hexdigest()}"
    # As Ollama shows them.
    assert model.digest == sha256(here.manifest.read_bytes()).hexdigest()
    entries = [here.content["config"], *here.content["layers"]]
    assert model.size_bytes == sum(entry["size"] for entry in entries)
    assert model.modified_at.timestamp() == pytest.approx(here.manifest.stat().st_mtime)
    assert (model.source, model.license, model.window) == ("Ollama", "Apache-2.0", 256)
    assert (model.prompts, model.dimensions) == ({"query": "q: "}, (64, 32))
    assert everything_below(here.ollama.folder) == before
    assert not here.home.exists()


@pytest.mark.parametrize(
    "name", ["tiny", "ollama.com/library/tiny", "https://ollama.com/library/tiny", "tiny:LATEST"]
)
def test_all_spellings_of_a_name_find_it(here, name):
    assert here.hub.find(name).name == "Tiny:latest"


@pytest.mark.parametrize("name", ["tiny:22m", "acme/tiny:Q8_0", "hf.co/acme/tiny", "absent"])
def test_other_names_are_not_found_in_it(here, name):
    with pytest.raises(ModelNotFoundError, match="try pulling it first"):
        here.hub.find(name)


def test_models_that_embed_are_listed_and_chat_models_are_not(here):
    assert {model.name for model in here.hub.models()} == {"Tiny:latest", "hf.co/acme/tiny:Q8_0"}


def test_a_chat_model_is_refused_as_one(here):
    for call in (here.hub.find, here.hub.pull):
        with pytest.raises(UnsupportedModelError, match=r"llama3:latest is a chat model \(llama\)"):
            call("llama3")


def test_our_own_model_of_the_same_name_comes_first_and_is_listed_once(here, tmp_path):
    write_gguf(tmp_path / "mine" / "tiny" / "own.gguf", seed=1)
    hub = Hub(tmp_path / "home", [tmp_path / "mine"], catalog=[], ollama_models=here.ollama.folder)
    own = hub.pull("tiny", refresh=True)
    assert own.path == tmp_path / "home" / "models/registry.ollama.ai/library/tiny/latest/own.gguf"
    assert hub.find("tiny") == own
    names = [model.name for model in hub.models()]
    assert names == ["tiny:latest", "hf.co/acme/tiny:Q8_0"]


def test_pulling_what_ollama_has_fetches_nothing(here):
    assert here.hub.pull("tiny") == here.hub.find("tiny")
    assert not here.home.exists()


def test_it_is_not_removed(here):
    with pytest.raises(InputError, match="ollama rm tiny:latest"):
        here.hub.remove("tiny")
    assert here.hub.find("tiny")


def test_a_copy_is_ours_and_shares_the_bytes(here, weights):
    first = here.hub.find("tiny")
    copy = here.hub.copy("tiny", "mine")
    assert copy.name == "mine:latest"
    assert copy.path.samefile(first.path)
    assert copy.path.name == "model.gguf"
    assert (copy.digest, copy.window, copy.prompts) == (first.digest, 256, first.prompts)
    again = here.hub.copy("mine", "yours")
    assert (again.digest, again.prompts) == (first.digest, first.prompts)
    here.hub.remove("mine")
    assert here.hub.find("tiny") == first
    assert here.hub.find("yours").path.read_bytes() == weights


def test_a_blob_whose_bytes_are_others_is_not_copied(here, weights):
    path = here.hub.find("tiny").path
    path.write_bytes(weights[:-1] + b"\1")
    with pytest.raises(Exception, match=r"sha256 of model\.gguf is"):
        here.hub.copy("tiny", "mine")


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        (lambda m: m.clear(), CheckpointError, "manifest of Tiny:latest is damaged"),
        (lambda m: m.update(layers=[{}]), CheckpointError, "manifest of Tiny:latest is damaged"),
        (lambda m: m.update(layers=m["layers"][1:]), UnsupportedModelError, "one GGUF file"),
        (
            lambda m: m["layers"][0].update(mediaType=KIND + "tensor"),
            UnsupportedModelError,
            "one GGUF file",
        ),
        (
            lambda m: m["layers"][3].update(mediaType=KIND + "adapter"),
            UnsupportedModelError,
            "no adapter",
        ),
        (
            lambda m: m["layers"][0].update(digest="sha256:../../../../etc/passwd"),
            CheckpointError,
            "a layer has digest 'sha256:../",
        ),
        (lambda m: m["layers"][0].update(size="1"), CheckpointError, "and size '1'"),
        (lambda m: m["layers"][0].update(size=10**15), CheckpointError, "at most 68,719,476,736"),
        (lambda m: m["layers"][0].update(size=5), CheckpointError, "mend it with: ollama pull"),
        (
            lambda m: m["layers"][0].update(digest="sha256:" + 64 * "0"),
            CheckpointError,
            "cannot be read",
        ),
    ],
)
def test_what_is_broken_is_said_when_asked_for_and_passed_over_in_the_list(
    here, change, error, said
):
    change(here.content)
    here.ollama.add("registry.ollama.ai/library/Tiny/latest", here.content)
    with pytest.raises(error, match=said):
        here.hub.find("registry.ollama.ai/library/tiny")
    assert [model.name for model in here.hub.models()] == ["hf.co/acme/tiny:Q8_0"]


def test_files_that_are_no_manifests_are_passed_over(here):
    (here.manifest.parent / ".DS_Store").write_bytes(b"\0")
    (here.manifest.parent / "empty").write_bytes(b"")
    assert len(here.hub.models()) == 2


def test_a_folder_that_is_none_has_nothing(tmp_path):
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "absent", tmp_path, tmp_path / "file"):
        assert OllamaFolder(folder).all() == []
        assert OllamaFolder(folder).find(ModelName.parse("all-minilm")) is None
