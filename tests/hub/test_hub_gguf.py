"""GGUF files on the hub, and in folders of the user's: which one is taken."""

import pytest
from tests.gguf_files import write_gguf
from tests.hub.sources.test_huggingface import REPO, serve_repo

from simile.checkpoints.files import choose, is_quantization
from simile.errors import CheckpointError, DownloadError, UnsupportedModelError
from simile.hub.hub import Hub, PullProgress


@pytest.fixture
def weights(tmp_path):
    return write_gguf(tmp_path / "made" / "tiny.gguf").read_bytes()


@pytest.fixture
def far(monkeypatch, server, weights):
    """The hub on loopback, with a repository of GGUF files."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "ENDPOINT", server.url)
    template = server.url + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    names = ("tiny-f16.gguf", "tiny.Q8_0.gguf", "tiny-Q4_K_M.gguf", "README.md")
    serve_repo(server, dict.fromkeys(names, weights))
    return server


def test_the_file_of_a_quantization_is_pulled_and_no_other(home, far, weights):
    model = Hub(home).pull(f"hf.co/{REPO}:q8_0")
    assert (model.name, model.path.name) == (f"hf.co/{REPO}:q8_0", "tiny.Q8_0.gguf")
    assert model.path.read_bytes() == weights
    got = {path for method, path, _ in far.requests if method == "GET" and "resolve" in path}
    assert got == {f"/{REPO}/resolve/main/tiny.Q8_0.gguf"}


def test_without_a_quantization_the_most_exact_is_pulled(home, far):
    assert Hub(home).pull(f"hf.co/{REPO}").path.name == "tiny-f16.gguf"


def test_a_quantization_that_is_not_there_is_said(home, far):
    with pytest.raises(DownloadError, match=r"no GGUF file Q6_K; it has .*tiny\.Q8_0\.gguf"):
        Hub(home).pull(f"hf.co/{REPO}:Q6_K")


def test_a_chat_model_is_not_kept(home, far, tmp_path):
    chat = write_gguf(tmp_path / "made" / "chat.gguf", kind="llama", pooling=None).read_bytes()
    serve_repo(far, {"chat.gguf": chat})
    with pytest.raises(UnsupportedModelError, match="is a chat model"):
        Hub(home).pull(f"hf.co/{REPO}")
    assert Hub(home).models() == []


def test_a_chat_model_is_refused_by_its_head_alone(home, far, tmp_path):
    chat = write_gguf(tmp_path / "made" / "chat.gguf", kind="llama", pooling=None, rows=20_000)
    serve_repo(far, {"chat.gguf": chat.read_bytes()})
    seen: list[PullProgress] = []
    with pytest.raises(UnsupportedModelError, match="is a chat model"):
        Hub(home).pull(f"hf.co/{REPO}", progress=seen.append)
    assert "downloading" not in {step.status for step in seen}


def test_a_folder_with_a_gguf_file_can_be_pulled_by_name(home, tmp_path, weights):
    path = write_gguf(tmp_path / "mine" / "my-model" / "x.gguf")
    model = Hub(home, [tmp_path / "mine"]).pull("my-model")
    assert model.path.read_bytes() == path.read_bytes()
    assert Hub(home).copy("my-model", "other").digest == model.digest


@pytest.mark.parametrize(
    ("offered", "quantization", "taken"),
    [
        (["a-Q8_0.gguf", "a-Q4_K_M.gguf"], None, "a-Q8_0.gguf"),
        (["a-f32.gguf", "a-bf16.gguf", "a-q8_0.gguf"], None, "a-bf16.gguf"),
        (["whatever.gguf"], None, "whatever.gguf"),
        (["a-IQ4_XS.gguf", "mmproj-F16.gguf"], None, "a-IQ4_XS.gguf"),
        (["a-Q4_K_S.gguf", "a-Q4_K_M.gguf"], "q4_k_s", "a-Q4_K_S.gguf"),
        (["config.json", "model.safetensors", "a-Q8_0.gguf"], "Q8_0", "a-Q8_0.gguf"),
    ],
)
def test_which_file_is_taken(offered, quantization, taken):
    assert choose(offered, quantization=quantization) == [taken]


def test_safetensors_come_before_gguf():
    offered = ["config.json", "model.safetensors", "tokenizer.json", "a-Q8_0.gguf"]
    assert choose(offered) == offered[:3]


@pytest.mark.parametrize("offered", [["a.gguf", "b.gguf"], ["a-00001-of-00002.gguf"]])
def test_files_between_which_nothing_decides_are_not_guessed_among(offered):
    with pytest.raises(CheckpointError, match=r"no config\.json"):
        choose(offered)


@pytest.mark.parametrize(
    ("tag", "is_one"),
    [("Q8_0", True), ("q4_k_m", True), ("F16", True), ("IQ4_XS", True), ("UD-Q4_K_XL", True)]
    + [("latest", False), ("main", False), ("v1.5", False), ("refs", False), ("f16x", False)],
)
def test_tags_that_name_a_quantization(tag, is_one):
    assert is_quantization(tag) is is_one
