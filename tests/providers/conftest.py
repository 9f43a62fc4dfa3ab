"""A server on the loopback that answers as Ollama and OpenAI do, or as a test scripts it."""

import base64
import json
import threading
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from tests.fake import FakeEmbedder

from simile.providers.ollama import OllamaEmbedder
from simile.providers.ollama_chat import OllamaChat
from simile.providers.openai import OpenAIEmbedder
from simile.providers.openai_chat import OpenAIChat
from simile.providers.tries import TryLimits

DIM = 8
DIGEST = "1b226e2802dbb772b5fc32a58f103ca1804ef7501331012de126ab22f67475ef"
IMPATIENT = TryLimits(
    timeout_s=5,
    connect_timeout_s=5,
    first_wait_s=0.001,
    longest_wait_s=1,
    max_answer_bytes=1_000_000,
)


@dataclass
class Reply:
    """What a test has the server say next: bytes as they stand, or JSON."""

    status: int = 200
    body: Any = b""
    headers: dict[str, str] = field(default_factory=dict)
    raw: Callable[[BaseHTTPRequestHandler], None] | None = None
    """Writes to the connection itself, which is closed afterwards."""

    @property
    def content(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


@dataclass
class Seen:
    method: str
    path: str
    headers: dict[str, str]
    body: Any


class Stub:
    """The server's memory: what it was asked, and what it is to say before the usual."""

    def __init__(self) -> None:
        self.script: deque[Reply] = deque()
        self.seen: list[Seen] = []
        self.show: dict[str, Any] = {
            "model_info": {"general.architecture": "bert", "bert.context_length": 512},
            "parameters": "num_ctx                        256",
        }
        self.tags = {"models": [{"name": "words:latest", "digest": DIGEST}]}
        self.url = ""
        self.released = threading.Event()
        """Ends what hangs."""
        self.ticks = 0

    def answer(self, request: Seen) -> Reply:
        if self.script:
            return self.script.popleft()
        if request.path == "/api/tags":
            return Reply(body=self.tags)
        if request.body["model"].lower() not in ("words", "words:latest"):
            return _unknown(request)
        if request.path == "/api/show":
            return Reply(body=self.show)
        vectors = FakeEmbedder(dim=DIM).embed(request.body["input"], role="document")
        if request.path == "/api/embed":
            return Reply(body={"model": "words", "embeddings": vectors.tolist()})
        assert request.path == "/v1/embeddings"
        data = [
            {"object": "embedding", "index": place, "embedding": base64.b64encode(vector).decode()}
            for place, vector in enumerate(vectors)
        ]
        return Reply(body={"object": "list", "data": data})

    def hang(self, handler: BaseHTTPRequestHandler) -> None:
        """Say nothing for 20 s, in ticks of 20 ms: a machine that stalls counts few of them."""
        for _ in range(1000):
            if self.released.wait(0.02):
                return
            self.ticks += 1

    def embeds(self) -> list[Any]:
        return [seen.body for seen in self.seen if seen.path.endswith(("embed", "embeddings"))]


def _unknown(request: Seen) -> Reply:
    words = f'model "{request.body["model"]}" not found, try pulling it first'
    if request.path.startswith("/api"):
        return Reply(404, {"error": words})
    return Reply(404, {"error": {"message": words, "type": "not_found_error"}})


def _handler(stub: Stub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            size = int(self.headers.get("content-length", 0))
            body = json.loads(self.rfile.read(size)) if size else None
            headers = {name.lower(): value for name, value in self.headers.items()}
            request = Seen(self.command, self.path, headers, body)
            stub.seen.append(request)
            reply = stub.answer(request)
            if reply.raw:
                self.close_connection = True
                reply.raw(self)
                return
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(reply.content)))
            self.end_headers()
            self.wfile.write(reply.content)

        do_POST = do_GET

        def log_message(self, format: str, *args: Any) -> None:
            pass

    return Handler


class _Quiet(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no news."""


@pytest.fixture
def stub() -> Iterator[Stub]:
    stub = Stub()
    server = _Quiet(("127.0.0.1", 0), _handler(stub))
    stub.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield stub
    stub.released.set()
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def ollama(stub: Stub) -> Iterator[OllamaEmbedder]:
    embedder = OllamaEmbedder("words", host=stub.url, limits=IMPATIENT)
    yield embedder
    embedder.close()


@pytest.fixture
def openai(stub: Stub) -> Iterator[OpenAIEmbedder]:
    embedder = OpenAIEmbedder(
        "words", base_url=f"{stub.url}/v1", api_key="sk-secret", limits=IMPATIENT
    )
    yield embedder
    embedder.close()


@pytest.fixture
def fake() -> FakeEmbedder:
    """The same numbers, computed here."""
    return FakeEmbedder(dim=DIM)


@pytest.fixture
def reply() -> type[Reply]:
    return Reply


@pytest.fixture(params=["ollama", "openai"])
def remote(request: pytest.FixtureRequest) -> Any:
    """Each of the two; what holds for both is tested with this."""
    return request.getfixturevalue(request.param)


@pytest.fixture
def impatient() -> TryLimits:
    return IMPATIENT


@pytest.fixture
def ollama_chat(stub: Stub) -> Iterator[OllamaChat]:
    chat = OllamaChat("words", host=stub.url, limits=IMPATIENT)
    yield chat
    chat.close()


@pytest.fixture
def openai_chat(stub: Stub) -> Iterator[OpenAIChat]:
    chat = OpenAIChat("words", base_url=f"{stub.url}/v1", api_key="sk-secret", limits=IMPATIENT)
    yield chat
    chat.close()


@pytest.fixture(params=["ollama_chat", "openai_chat"])
def chat(request: pytest.FixtureRequest) -> Any:
    """Each of the two; what holds for both is tested with this."""
    return request.getfixturevalue(request.param)
