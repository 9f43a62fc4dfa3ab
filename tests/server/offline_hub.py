"""A server before a hub that keeps one small random model, and asks nobody for others."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from starlette.types import ASGIApp
from tests.checkpoint_files import write_tiny_bert

from simile.engine.residency import Residency
from simile.errors import ModelNotFoundError
from simile.hub.hub import Hub
from simile.hub.names import ModelName
from simile.models.local_model import LocalModel
from simile.server.app import create_app

NAME = "all-minilm"
"""As in the examples of the description."""

Serving = Callable[[ASGIApp], AbstractContextManager[str]]


class OfflineHub(Hub):
    """Pulls what is here already; random names must not reach anybody's registry."""

    def pull(self, name: str, **_options: Any) -> LocalModel:
        return self.find(name)

    def remove(self, name: str) -> None:
        if ModelName.parse(name) == ModelName.parse(NAME):
            raise ModelNotFoundError("the other requests need it")
        super().remove(name)


@contextmanager
def serving_offline(folder: Path, serving: Serving) -> Iterator[str]:
    """Serve a tiny all-minilm from below `folder`; gives the base URL."""
    write_tiny_bert(folder / "checkpoints" / "tiny", max_tokens=512)
    with_sources = Hub(folder / "home", [folder / "checkpoints"])
    with_sources.pull("tiny")
    with_sources.copy("tiny", NAME)
    hub = OfflineHub(folder / "home")
    residency = Residency(hub.find, precision="f32")
    try:
        with serving(create_app(hub, residency)) as url:
            yield url
    finally:
        residency.close()
