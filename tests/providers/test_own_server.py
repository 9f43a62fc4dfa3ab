"""Our own `simile serve`, asked through both wire formats, gives the vectors of the local model."""

import os

import numpy as np
import pytest
from tests.checkpoint_files import write_tiny_bert
from tests.serving import Serving

from simile import Embedder
from simile.errors import ModelNotFoundError, TextTooLongError

TEXTS = ["", "the sky", "a cat and a dog", *(f"grass {n} is green " * (n % 5) for n in range(150))]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_tiny_bert(tmp_path_factory.mktemp("folders") / "tiny", dim=16, max_tokens=32)


@pytest.fixture(scope="module")
def url(folder, tmp_path_factory):
    environ = os.environ | {
        "SIMILE_HOME": str(tmp_path_factory.mktemp("home")),
        "SIMILE_MODEL_FOLDERS": str(folder.parent),
    }
    server = Serving(["--port", "0", "--model", "tiny", "--precision", "f32"], environ)
    yield server.url
    server.stop()
    if server.process.stderr:
        server.process.stderr.close()


@pytest.fixture
def settings(url, monkeypatch):
    monkeypatch.setenv("OLLAMA_HOST", url.removeprefix("http://"))
    monkeypatch.setenv("OPENAI_BASE_URL", f"{url}/v1")


@pytest.mark.parametrize("name", ["ollama/tiny", "openai/tiny"])
def test_vectors_are_those_of_the_local_model(folder, settings, name):
    with Embedder(str(folder), precision="f32") as local:
        wanted = local.embed(TEXTS, role="document")
    with Embedder(name) as remote:
        got = remote.embed(TEXTS, role="document")
        assert (remote.name, remote.dim) == (name, 16)
        assert len(remote.fingerprint) == 32
    np.testing.assert_allclose(got, wanted, atol=1e-6)


def test_window_and_truncation(settings):
    with Embedder("ollama/tiny") as remote:
        assert remote.max_tokens == 32
        assert remote.embed(["cat " * 99], role="query").shape == (1, 16)
        with pytest.raises(TextTooLongError):
            remote.embed(["cat " * 99], role="query", truncate=False)


@pytest.mark.parametrize("name", ["ollama/other", "openai/other"])
def test_an_unknown_model(settings, name):
    with Embedder(name) as remote, pytest.raises(ModelNotFoundError, match="'other'"):
        remote.embed(["a"], role="query")
