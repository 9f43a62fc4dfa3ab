"""What holds for every test: no network, nothing of the developer's own settings."""

import ipaddress
import os
import socket

import pytest
from hypothesis import settings

from simile.config import read_settings
from simile.errors import SimileError
from simile.hub.hub import Hub
from simile.models.local_model import LocalModel

# The same examples each time, so that a failure is the change's; HYPOTHESIS_PROFILE=explore looks
# for new ones.
settings.register_profile("replay", deadline=None, derandomize=True)
settings.register_profile("explore", deadline=None, max_examples=1000, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "replay"))


def is_loopback(address: object) -> bool:
    if not isinstance(address, tuple):
        return True  # A path: a Unix socket.
    try:
        return ipaddress.ip_address(address[0]).is_loopback
    except ValueError:
        return bool(address[0] == "localhost")


@pytest.fixture(autouse=True)
def no_settings_of_the_developer(monkeypatch, tmp_path):
    for name in os.environ:
        if name.startswith(("SIMILE_", "HF_", "HUGGING_FACE_", "OLLAMA_", "OPENAI_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("SIMILE_HOME", str(tmp_path / "simile-home"))
    monkeypatch.setenv("OLLAMA_MODELS", str(tmp_path / "ollama-models"))
    monkeypatch.setenv("SIMILE_REGISTRY", "none")


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    """Fail a test that connects to another machine, whatever the code under test catches."""
    for name in ("connect", "connect_ex"):
        connect = getattr(socket.socket, name)

        def guarded(self, address, connect=connect):
            if not is_loopback(address):
                pytest.fail(f"a test connects to {address}; only loopback is allowed")
            return connect(self, address)

        monkeypatch.setattr(socket.socket, name, guarded)


@pytest.fixture(scope="session")
def all_minilm() -> LocalModel:
    """The real model, from the store of SIMILE_TEST_HOME or the developer's; pulled if absent."""
    if home := os.environ.get("SIMILE_TEST_HOME"):
        settings_here = read_settings({**os.environ, "SIMILE_HOME": home})
    else:
        settings_here = read_settings()
    try:
        return Hub(settings_here.home, settings_here.model_folders).pull("all-minilm")
    except SimileError as exc:
        pytest.skip(f"the real all-minilm cannot be had: {exc}")
