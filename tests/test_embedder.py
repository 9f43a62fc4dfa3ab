"""The face that people import."""

import asyncio

import numpy as np
import pytest
from tests.checkpoints import write_tiny_bert

from simile import Embedder
from simile.errors import (
    CheckpointError,
    EngineClosedError,
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
    with pytest.raises(CheckpointError, match="config.json"):
        Embedder(str(tmp_path))
