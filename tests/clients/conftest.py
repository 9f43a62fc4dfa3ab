"""The real server in a process of its own, for other people's clients to talk to."""

import importlib
import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from tests.checkpoint_files import change_json, write_tiny_bert
from tests.rerankers import write_tiny_reranker
from tests.serving import Serving

from simile import Embedder, Reranker

TEXTS = ("the sky is blue", "a cat and a dog")
NODE = Path(__file__).parent / "node"
MODEL = "tiny"
OTHER = "other"
"""Can be pulled, and is not there yet."""
RERANKER = "tiny-reranker"
QUERY = "why is the sky blue"
PASSAGES = ("a cat and a dog", "the sky is blue", "green grass", "search tokens here")


def pytest_addoption(parser):
    parser.addoption(
        "--clients", action="store_true", help="fail where a client is not installed, do not skip"
    )


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """Where the checkpoints are; vectors are of 16 numbers, windows of 32 tokens."""
    folders = tmp_path_factory.mktemp("folders")
    for seed, name in enumerate((MODEL, OTHER)):
        checkpoint = write_tiny_bert(folders / name, dim=16, max_tokens=32, seed=seed)
        prompts = {"query": "query: "}
        change_json(checkpoint / "config_sentence_transformers.json", prompts=prompts)
    write_tiny_reranker(folders / RERANKER, dim=16, max_tokens=32)
    return folders


@pytest.fixture(scope="session")
def start(folder, tmp_path_factory):
    """Start a server that has these models ready; gives its URL."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
    if path := kept.get("PYTHONPATH"):
        kept["PYTHONPATH"] = os.pathsep.join(map(os.path.abspath, path.split(os.pathsep)))
    servers = []

    def start(*models: str) -> str:
        environ = kept | {
            "SIMILE_HOME": str(tmp_path_factory.mktemp("home")),
            "SIMILE_MODEL_FOLDERS": str(folder),
            "SIMILE_REGISTRY": "none",
        }
        named = [word for model in models for word in ("--model", model)]
        server = Serving(["--port", "0", *named, "--precision", "f32"], environ)
        servers.append(server)
        return server.url

    yield start
    for server in servers:
        server.kill()


@pytest.fixture(scope="session")
def url(start):
    return start(MODEL)


@pytest.fixture(scope="session")
def rerank_url(start):
    """Where MODEL embeds and RERANKER ranks for clients that name no model."""
    return start(MODEL, RERANKER)


@pytest.fixture(scope="session")
def ranked(folder):
    """The order and the scores of PASSAGES for QUERY that a client must get: no HTTP."""
    with Reranker(str(folder / RERANKER), precision="f32") as reranker:
        ranked = reranker.rank(QUERY, PASSAGES)
    assert [one.index for one in ranked] != sorted(one.index for one in ranked)
    return [(one.index, pytest.approx(one.score, abs=1e-6)) for one in ranked]


@pytest.fixture(scope="session")
def expected(folder):
    """What the server's vectors must be: the same model in this process, no HTTP."""
    with Embedder(str(folder / MODEL), precision="f32") as embedder:
        yield embedder.embed


@pytest.fixture(scope="session")
def vectors(expected):
    """Those of TEXTS."""
    return expected(TEXTS, role="document")


@pytest.fixture
def package(pytestconfig) -> Callable[[str], ModuleType]:
    """Import someone's package; where it is absent skip, or with --clients fail."""

    def package(name: str) -> ModuleType:
        if pytestconfig.getoption("--clients", default=False):
            return importlib.import_module(name)
        module: ModuleType = pytest.importorskip(
            name, reason=f"{name} is not installed; python scripts/dev.py clients does that"
        )
        return module

    return package


@pytest.fixture
def node(pytestconfig, url) -> Callable[[str], Any]:
    """Run a script of node/ against the server; gives what it found out."""

    def run(script: str) -> Any:
        if not shutil.which("npm"):
            pytest.skip("npm is not installed")
        wanted = pytestconfig.getoption("--clients", default=False)
        if not wanted and not (NODE / "node_modules").is_dir():
            pytest.skip("npm's packages are not installed; python scripts/dev.py clients does that")
        command = ["node", str(NODE / script), url, MODEL, OTHER, *TEXTS]
        done = subprocess.run(command, capture_output=True, timeout=60)
        assert done.returncode == 0, done.stderr.decode()
        return json.loads(done.stdout)

    return run
