"""The face that people import."""

import asyncio

import numpy as np
import pytest
from tests.checkpoint_files import write_tiny_bert

from simile import Document, Embedder, Index
from simile.errors import (
    CheckpointError,
    ConfigError,
    EngineClosedError,
    FingerprintError,
    InputError,
    ModelNameError,
    ModelNotFoundError,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_tiny_bert(tmp_path_factory.mktemp("face") / "folder", dense=8)


def test_a_folder_is_a_model(folder, monkeypatch):
    monkeypatch.chdir(folder.parent)
    with Embedder("./folder") as embedder:
        vectors = embedder.embed(["the sky", "a cat"], role="document")
        assert vectors.shape == (2, 8)
        assert vectors.dtype == np.float32
        assert (embedder.name, embedder.dim, embedder.max_tokens) == ("./folder", 8, 32)
        assert len(embedder.fingerprint) == 32


def test_every_way_to_ask_gives_the_same_vectors(folder):
    texts = ["the sky", "a cat"]
    with Embedder(str(folder), precision="f32") as embedder:
        wanted = embedder.embed(texts, role="query")
        counted = embedder.embed_counted(texts, role="query")
        [streamed] = embedder.embed_stream(texts, role="query")
        [both] = embedder.embed_stream_counted(texts, role="query")
        awaited = asyncio.run(embedder.embed_async(texts, role="query"))
    assert counted.token_counts.tolist() == both.token_counts.tolist()
    for got in (counted.vectors, streamed, both.vectors, awaited):
        np.testing.assert_allclose(got, wanted, atol=1e-6)


def test_leaving_the_with_block_frees_the_model(folder):
    with Embedder(str(folder)) as embedder:
        pass
    with pytest.raises(EngineClosedError):
        embedder.embed(["the sky"], role="query")


def test_role_is_required(folder):
    with Embedder(str(folder)) as embedder, pytest.raises(InputError, match="role"):
        embedder.embed(["the sky"], role="both")  # type: ignore[arg-type]


def test_an_unknown_name_says_what_to_do(capsys):
    with pytest.raises(ModelNotFoundError, match=r"all-minilm.*hf\.co/ORG/REPO.*\./folder"):
        Embedder("all-minilmm")


def test_what_is_no_name_is_refused():
    with pytest.raises(ModelNameError):
        Embedder("no such name!")


def test_a_folder_that_is_not_there_is_named():
    with pytest.raises(ModelNotFoundError, match="does not exist"):
        Embedder("./nowhere")


def test_a_folder_that_is_no_model_is_refused(tmp_path):
    with pytest.raises(CheckpointError, match=r"config\.json"):
        Embedder(str(tmp_path))


def test_tokens_are_counted_whole_and_without_specials(folder):
    with Embedder(str(folder)) as embedder:
        texts = ["the sky", "a cat " * 50, ""]
        counts = embedder.count_tokens(texts)
        assert counts.dtype == np.int32
        assert counts.tolist() == [2, 100, 0]
        assert embedder.special_tokens == 2
        read = embedder.embed_counted(["the sky"], role="query").token_counts
        assert read[0] == counts[0] + embedder.special_tokens
        with pytest.raises(InputError, match="one string"):
            embedder.count_tokens("the sky")


def test_an_engine_elsewhere_is_chosen_by_name(monkeypatch):
    monkeypatch.setenv("OLLAMA_HOST", "127.0.0.1:9")
    with Embedder("ollama/all-minilm", precision="f32") as embedder:
        assert embedder.name == "ollama/all-minilm"
        assert embedder.count_tokens(["the sky"]).tolist() == [3]
        assert embedder.special_tokens == 2


@pytest.mark.parametrize("name", ["ollama/", "openai/"])
def test_an_engine_elsewhere_needs_a_model(name, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "x")
    with pytest.raises(InputError, match="names no model"):
        Embedder(name)


def test_openai_needs_a_key():
    with pytest.raises(ConfigError, match="OPENAI_API_KEY"):
        Embedder("openai/text-embedding-3-small")


def test_a_wrong_address_is_in_nobody_elses_way(folder, monkeypatch):
    monkeypatch.setenv("OLLAMA_HOST", "x:y")
    with Embedder(str(folder)) as embedder:
        assert embedder.dim == 8
    with pytest.raises(ConfigError, match="OLLAMA_HOST"):
        Embedder("ollama/all-minilm")


@pytest.mark.parametrize("provider", ["ollama", "openai"])
def test_a_folder_named_as_an_engine_is_a_folder(provider, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_tiny_bert(tmp_path / provider / "x", dim=16)
    with Embedder(f"./{provider}/x") as embedder:
        assert embedder.dim == 16
    with Embedder(str(tmp_path / provider / "x")) as embedder:
        assert embedder.dim == 16


def test_vectors_are_cut_to_the_dimensions_asked_for(folder):
    with Embedder(str(folder), dimensions=3) as cut, Embedder(str(folder)) as whole:
        assert (cut.dim, whole.dim) == (3, 8)
        head = whole.embed(["the sky"], role="query")[:, :3]
        expected = head / np.linalg.norm(head)
        np.testing.assert_allclose(cut.embed(["the sky"], role="query"), expected, atol=1e-3)
    with pytest.raises(InputError, match="1 to 8"):
        Embedder(str(folder), dimensions=9)
    with pytest.raises(InputError, match="not known to be trained for 3 dimensions"):
        Embedder(str(folder), dimensions=3, strict=True)


def test_a_model_elsewhere_is_not_cut():
    with pytest.raises(InputError, match="openai/x"):
        Embedder("openai/x", dimensions=3)


def test_an_index_keeps_the_width_it_was_made_with(folder, tmp_path):
    with Embedder(str(folder), dimensions=3) as cut:
        with Index(tmp_path / "index", embedder=cut) as index:
            index.add([Document("a", "the sky is blue"), Document("b", "a cat")])
        with Index(tmp_path / "index", embedder=cut) as index:
            assert index.search("the sky is blue", k=1)[0].document_id == "a"
    for other in (str(folder), None):
        index = Index(tmp_path / "index", embedder=other)
        with index, pytest.raises(FingerprintError):
            index.add([Document("c", "green grass")])
            index.search("the sky")
