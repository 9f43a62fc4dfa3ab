"""A model is loaded as what it is, and its files are opened once."""

import mmap
from pathlib import Path

import pytest
from tests.rerankers import write_tiny_reranker

from simile.checkpoints.gguf.file import read_gguf
from simile.engine.cross_encoder import LocalReranker
from simile.engine.embedder import LocalEmbedder
from simile.engine.loading import load
from simile.hub.plain_folder import open_folder

GOLDEN = Path(__file__).parents[1] / "golden"


@pytest.fixture
def opened(monkeypatch):
    """The files that were mapped, in order; and the GGUF headers that were read."""
    found = []
    maps = mmap.mmap

    def map_counted(*args, **options):
        found.append("map")
        return maps(*args, **options)

    def read_counted(path):
        found.append("header")
        return read_gguf(path)

    monkeypatch.setattr(mmap, "mmap", map_counted)
    monkeypatch.setattr("simile.checkpoints.gguf.checkpoint.read_gguf", read_counted)
    return found


@pytest.mark.parametrize("name", ["gguf-bert", "gguf-qwen3"])
def test_a_gguf_file_is_opened_once(name, opened):
    model = open_folder(str(GOLDEN / name / "model.gguf"))
    opened.clear()
    load(model, precision="f32").close()
    assert opened == ["header", "map"]


def test_a_folder_is_opened_once(tmp_path, opened):
    model = open_folder(str(write_tiny_reranker(tmp_path)))
    opened.clear()
    load(model, precision="f32").close()
    assert opened == ["map"]


def test_the_files_say_which_kind_is_loaded(tmp_path):
    reranker = load(open_folder(str(write_tiny_reranker(tmp_path))), precision="f32")
    embedder = load(open_folder(str(GOLDEN / "bert-cls")), precision="f32")
    assert isinstance(reranker, LocalReranker) and isinstance(embedder, LocalEmbedder)
    reranker.close()
    embedder.close()
