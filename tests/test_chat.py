"""The face that people import."""

import subprocess
import sys

import pytest

from simile.chat import Chat
from simile.errors import ConfigError, InputError
from simile.protocols import ChatModel
from simile.providers.ollama_chat import OllamaChat
from simile.providers.openai_chat import OpenAIChat
from simile.types import Message


@pytest.mark.parametrize(
    ("name", "kind"), [("ollama/llama3.2", OllamaChat), ("openai/ORG/model:v1", OpenAIChat)]
)
def test_a_name_chooses_the_engine(name, kind, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    with Chat(name) as chat:
        model: ChatModel = chat
        assert model.name == name
        assert isinstance(chat._engine, kind)


@pytest.mark.parametrize("name", ["llama3.2", "ollama", "", "hf.co/ORG/REPO", "Ollama/x", "/x"])
def test_another_name_says_what_is_expected(name):
    with pytest.raises(InputError, match="expected ollama/NAME or openai/NAME"):
        Chat(name)


@pytest.mark.parametrize("name", ["ollama/", "openai/ "])
def test_half_a_name_says_what_is_expected(name, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    with pytest.raises(InputError, match="names no model"):
        Chat(name)


def test_settings_reach_the_engine(monkeypatch):
    monkeypatch.setenv("OLLAMA_HOST", "elsewhere:99")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://another/v1")
    with Chat("ollama/a") as ollama, Chat("openai/a", context_tokens=8192) as openai:
        assert ollama._engine._api.url == "http://elsewhere:99"
        assert openai._engine._api.url == "http://another/v1"


def test_a_missing_key_is_told():
    with pytest.raises(ConfigError, match="OPENAI_API_KEY"):
        Chat("openai/gpt-5-mini")


def test_room_is_handed_on():
    with pytest.raises(InputError, match="context_tokens is 0"):
        Chat("ollama/a", context_tokens=0)


def test_what_is_no_conversation_is_refused():
    with Chat("ollama/a") as chat, pytest.raises(InputError, match="no messages"):
        chat.stream([])
    with Chat("ollama/a") as chat, pytest.raises(InputError, match="expected a list"):
        chat.stream(Message("user", "a"))  # type: ignore[arg-type]


def test_importing_it_loads_no_engine():
    code = "import sys, simile.chat; print(sys.modules.keys() & {'httpx2', 'openvino'})"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout == "set()\n"
