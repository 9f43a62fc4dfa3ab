"""Settings, as far as they are other programs' too: read as their own clients read them."""

from pathlib import Path

import openai
import pytest
from ollama._client import _parse_host

from simile.config import DEFAULT_OPENAI_BASE_URL, OLLAMA_SERVICE_MODELS, Settings, read_settings
from simile.errors import ConfigError


def settings(**environ: str) -> Settings:
    return read_settings({"SIMILE_HOME": "home", **environ})


@pytest.mark.parametrize(
    "host",
    [
        "",
        "1.2.3.4",
        ":56789",
        "1.2.3.4:56789",
        "http://1.2.3.4",
        "https://1.2.3.4",
        "https://1.2.3.4:56789",
        "example.com",
        "example.com:56789",
        "http://example.com",
        "https://example.com",
        "https://example.com:56789",
        "example.com/",
        "example.com:56789/",
        "example.com/path",
        "example.com:56789/path",
        "https://example.com:56789/path/",
        "[0001:002:003:0004::1]",
        "[0001:002:003:0004::1]:56789",
        "http://[0001:002:003:0004::1]",
        "https://[0001:002:003:0004::1]:56789/path",
        "[0001:002:003:0004::1]/path",
        "Example.COM",
        "me:secret@example.com:1",
    ],
)
def test_ollama_host_is_read_as_ollamas_client_reads_it(host):
    assert settings(OLLAMA_HOST=host).ollama_url == _parse_host(host)


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("0.0.0.0", "http://127.0.0.1:11434"),
        ("0.0.0.0:80", "http://127.0.0.1:80"),
        ("http://0.0.0.0", "http://127.0.0.1:80"),
        ("[::]:5", "http://[::1]:5"),
        (" '127.0.0.1:5' ", "http://127.0.0.1:5"),
    ],
)
def test_where_a_server_listens_is_where_a_client_finds_it(host, url):
    assert settings(OLLAMA_HOST=host).ollama_url == url


@pytest.mark.parametrize(
    "host", ["secret:port", "x:99999", "ftp://secret", "[secret", "secret/?a=b", "http://[1]"]
)
def test_a_wrong_ollama_host_is_told_where_ollama_is_used(host):
    read = settings(OLLAMA_HOST=host)
    with pytest.raises(ConfigError, match=r"OLLAMA_HOST is no address.*127\.0\.0\.1") as caught:
        _ = read.ollama_url
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("url", ["example.com", "ftp://x/v1", "https:///v1", "https://x/v1?key=s"])
def test_a_wrong_base_url_is_told_where_it_is_used(url):
    read = settings(OPENAI_BASE_URL=url)
    with pytest.raises(ConfigError, match=r"OPENAI_BASE_URL.*api\.openai\.com"):
        _ = read.openai_url


def test_openai_is_asked_at_its_own_address_by_default(monkeypatch):
    assert settings().openai_url == DEFAULT_OPENAI_BASE_URL
    assert settings(OPENAI_BASE_URL=" ").openai_url == DEFAULT_OPENAI_BASE_URL
    with openai.OpenAI(api_key="x") as client:
        assert str(client.base_url) == f"{DEFAULT_OPENAI_BASE_URL}/"


def test_a_key_is_not_shown():
    read = settings(OPENAI_API_KEY=" sk-secret\n", OLLAMA_HOST="me:secret@x")
    assert read.openai_api_key == "sk-secret"
    assert "secret" not in repr(read)
    assert settings(OPENAI_API_KEY="").openai_api_key is None


def test_ollamas_own_models_are_where_ollama_has_them():
    assert settings().ollama_models in (Path.home() / ".ollama" / "models", OLLAMA_SERVICE_MODELS)
    assert settings(OLLAMA_MODELS=' "/data/ollama" ').ollama_models == Path("/data/ollama")


def test_ollamas_service_is_looked_into_where_the_user_has_no_models(monkeypatch, tmp_path):
    service, own = tmp_path / "service", tmp_path / ".ollama" / "models"
    service.mkdir()
    monkeypatch.setattr("simile.config.OLLAMA_SERVICE_MODELS", service)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert settings().ollama_models == service
    own.mkdir(parents=True)
    assert settings().ollama_models == own


def test_the_registry_is_ollamas_unless_another_or_none_is_named():
    assert settings().registry == "registry.ollama.ai"
    assert settings(SIMILE_REGISTRY=" Mirror.example:5000 ").registry == "mirror.example:5000"
    assert settings(SIMILE_REGISTRY="none").registry is None
    for value in ("https://mirror.example", "mirror.example/v2", "me@mirror", "a b"):
        with pytest.raises(ConfigError, match="SIMILE_REGISTRY is"):
            settings(SIMILE_REGISTRY=value)
