"""What Ollama has on this machine is only looked at, to say a better error."""

from pathlib import Path

import pytest

from simile.errors import ModelNotFoundError
from simile.models.hub import Hub
from simile.models.names import ModelName
from simile.models.ollama_folder import has_model

HINT = " (Ollama has pulled it, as a GGUF file, which is not read here yet)"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("registry.ollama.ai/library/All-MiniLM/latest", "hf.co/acme/tiny/Q8_0"):
        path = tmp_path / "manifests" / name
        path.parent.mkdir(parents=True)
        path.write_text("{}", encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(
    ("name", "there"),
    [
        ("all-minilm", True),
        ("ALL-minilm:Latest", True),
        ("hf.co/acme/tiny:q8_0", True),
        ("all-minilm:22m", False),
        ("acme/tiny:Q8_0", False),
    ],
)
def test_manifests_are_found_by_name(folder, name, there):
    assert has_model(folder, ModelName.parse(name)) is there


def test_a_folder_that_is_none_has_nothing(tmp_path):
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "absent", tmp_path, tmp_path / "file"):
        assert not has_model(folder, ModelName.parse("all-minilm"))


def test_the_error_says_what_ollama_has(folder, tmp_path):
    hub = Hub(tmp_path / "home", ollama_models=folder)
    with pytest.raises(ModelNotFoundError) as caught:
        hub.find("all-minilm")
    assert caught.value.hint == HINT
    assert str(caught.value) == f'model "all-minilm" not found, try pulling it first{HINT}'
    with pytest.raises(ModelNotFoundError) as caught:
        hub.find("bge-large")
    assert str(caught.value) == 'model "bge-large" not found, try pulling it first'
