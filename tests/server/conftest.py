"""A server whose engine is a few lines long: vectors from words, futures that a test controls."""

import queue
import threading
import zlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import httpx2
import numpy as np
import pytest
from hypothesis import settings
from starlette.types import ASGIApp

from simile.architectures.architecture import Sizes
from simile.engine.cosines import CosineScorer
from simile.engine.stats import EngineStats
from simile.errors import InputError, ModelNotFoundError, TextTooLongError, WindowTooSmallError
from simile.hub.names import ModelName
from simile.models.facts import ModelFacts
from simile.models.local_model import LocalModel
from simile.server.app import create_app
from simile.server.http.run import Server, listen
from simile.types import EmbedResult, Role

settings.register_profile("simile", deadline=None, derandomize=True)
settings.load_profile("simile")

FACTS = ModelFacts(
    model_type="bert",
    parameter_count=22_713_216,
    dim=8,
    sizes=Sizes(
        vocab_size=100,
        width=8,
        layer_count=6,
        head_count=12,
        feed_forward_size=1536,
        norm_eps=1e-12,
        context_length=512,
    ),
    max_tokens=256,
    pooling="mean",
    normalize=True,
    weight_format="F32",
    prompts={"query": "query: ", "clustering": "clustering: "},
)
MODEL = LocalModel(
    name="all-minilm:latest",
    path=Path("all-minilm"),
    digest="ab" * 32,
    size_bytes=45_960_996,
    modified_at=datetime(2026, 5, 4, 3, 2, 1, 120_000, tzinfo=UTC),
    source="a test",
    license="Apache-2.0",
)

Rows = list[list[str]]
"""The words of each text."""


class StubEmbedder:
    """Shared words give near vectors; a few words do other things, see `_answer`."""

    name = MODEL.name
    dim = FACTS.dim
    max_tokens = FACTS.max_tokens
    context_length = FACTS.sizes.context_length
    fingerprint = "stub"

    def __init__(self) -> None:
        self.facts = FACTS
        self.seen: list[dict[str, Any]] = []
        self.hung: queue.SimpleQueue[Future[EmbedResult]] = queue.SimpleQueue()

    def submit(
        self,
        texts: Sequence[str],
        *,
        role: Role | None = None,
        prompt_name: str = "",
        max_tokens: int | None = None,
        truncate: bool = True,
    ) -> Future[EmbedResult]:
        prefix = self.facts.prefix(role) if role else ""
        assert not prompt_name
        self.seen.append({"prefix": prefix, "max_tokens": max_tokens, "truncate": truncate})
        return self._answer([(prefix + text).split() for text in texts], max_tokens, truncate)

    def submit_tokens(
        self,
        ids: Sequence[Sequence[int]],
        *,
        role: Role | None = None,
        prompt_name: str = "",
        max_tokens: int | None = None,
        truncate: bool = True,
    ) -> Future[EmbedResult]:
        assert not prompt_name
        if role and self.facts.prefix(role):
            raise InputError("input_type puts a prompt before text; expected text, got token ids")
        if any(not 0 <= token < FACTS.sizes.vocab_size for row in ids for token in row):
            raise InputError("an unknown token id")
        return self._answer([list(map(str, row)) for row in ids], max_tokens, truncate)

    def _answer(self, rows: Rows, max_tokens: int | None, truncate: bool) -> Future[EmbedResult]:
        future: Future[EmbedResult] = Future()
        limit = (max_tokens or self.max_tokens) - 2
        if limit <= 0:
            raise WindowTooSmallError("no room")
        if not truncate and any(len(words) > limit for words in rows):
            future.set_exception(TextTooLongError("too long"))
        elif ["hang"] in rows:
            self.hung.put(future)
        elif ["boom"] in rows:
            raise ZeroDivisionError("a secret")
        else:
            future.set_result(self._result(rows, limit))
        return future

    def _result(self, rows: Rows, limit: int) -> EmbedResult:
        vectors = np.full((len(rows), self.dim), 0.25, np.float32)
        for vector, words in zip(vectors, rows, strict=True):
            for word in words[:limit]:
                vector[zlib.crc32(word.lower().encode()) % self.dim] += 1
            if "nan" in words:
                vector[0] = np.nan
        counts = [min(len(words), limit) + 2 for words in rows]
        cut = [len(words) > limit for words in rows]
        return EmbedResult(vectors, np.array(counts, np.int32), np.array(cut, np.bool_))


@dataclass
class StubResident:
    model: LocalModel
    embedder: StubEmbedder
    expires_at: datetime | None = None
    size_bytes: int = 90_000_000

    @property
    def engine(self) -> StubEmbedder:
        return self.embedder

    @property
    def reranker(self) -> CosineScorer:
        return CosineScorer(cast(Any, self.embedder))


class StubResidency:
    def __init__(self) -> None:
        self.stats = EngineStats()
        self.one = StubResident(MODEL, StubEmbedder())
        self.kept: list[float | None] = []

    @asynccontextmanager
    async def using(self, name, *, keep_alive_s=None):
        if name != ModelName.parse(MODEL.name):
            raise ModelNotFoundError("nothing of that name")
        self.kept.append(keep_alive_s)
        yield self.one

    def loading(self):
        return 0

    def residents(self):
        later = datetime.now(UTC) + timedelta(minutes=5)
        return [replace(self.one, expires_at=later), self.one]


@dataclass
class StubHub:
    held: list[LocalModel] = field(default_factory=lambda: [MODEL])

    def models(self):
        return self.held

    def find(self, name):
        for model in self.held:
            if ModelName.parse(model.name) == name:
                return model
        raise ModelNotFoundError("nothing of that name")


@pytest.fixture
def facts() -> ModelFacts:
    return FACTS


@pytest.fixture
def model() -> LocalModel:
    return MODEL


@pytest.fixture(scope="session")
def residency() -> StubResidency:
    return StubResidency()


@pytest.fixture(scope="session")
def hub() -> StubHub:
    return StubHub()


@contextmanager
def _serving(app: ASGIApp) -> Iterator[str]:
    urls: queue.SimpleQueue[str] = queue.SimpleQueue()
    server = Server(app, listen("127.0.0.1", 0), urls.put)
    thread = threading.Thread(target=server.serve_until_stopped)
    thread.start()
    try:
        yield urls.get(timeout=30)
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture(scope="session")
def serving() -> Callable[[ASGIApp], AbstractContextManager[str]]:
    """Answer on a free port from a thread of its own; gives the base URL."""
    return _serving


@pytest.fixture(scope="session")
def url(hub: StubHub, residency: StubResidency) -> Iterator[str]:
    """Where the stub answers."""
    with _serving(create_app(cast(Any, hub), cast(Any, residency))) as base:
        yield base


@pytest.fixture(scope="session")
def http(url: str) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=url, timeout=30) as client:
        yield client
