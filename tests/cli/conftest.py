"""The real command in a process of its own, over a small random checkpoint."""

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.checkpoint_files import write_tiny_bert
from tests.serving import Serving

from simile.cli.main import main


@pytest.fixture(scope="session")
def environ(tmp_path_factory):
    """A home of its own, and a folder from which the model `tiny` can be pulled."""
    folders = tmp_path_factory.mktemp("folders")
    write_tiny_bert(folders / "tiny", dim=16, max_tokens=32)
    home = tmp_path_factory.mktemp("home")
    kept = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
    if path := os.environ.get("PYTHONPATH"):  # Commands run in other folders, too.
        kept["PYTHONPATH"] = os.pathsep.join(map(os.path.abspath, path.split(os.pathsep)))
    return kept | {
        "SIMILE_HOME": str(home),
        "SIMILE_MODEL_FOLDERS": str(folders),
        "PYTHONUTF8": "1",
    }


@pytest.fixture(scope="session")
def simile(environ):
    """Run a command line; gives the finished process, with bytes as output."""

    def run(
        *arguments: str | bytes | Path, stdin: bytes = b"", cwd: Path | None = None
    ) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [sys.executable, "-m", "simile.cli.main", *arguments],
            input=stdin,
            capture_output=True,
            env=environ,
            cwd=cwd,
            timeout=60,
        )

    return run


@pytest.fixture
def run(environ, monkeypatch, capfdbinary):
    """The same within this process: sooner done, where nothing depends on the process."""

    def run(
        *arguments: str | bytes | Path, stdin: bytes = b"", cwd: Path
    ) -> subprocess.CompletedProcess[bytes]:
        for name in ("SIMILE_HOME", "SIMILE_MODEL_FOLDERS"):
            monkeypatch.setenv(name, environ[name])
        monkeypatch.chdir(cwd)
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin), "utf-8"))
        with pytest.raises(SystemExit) as exit:
            main([os.fsdecode(argument) for argument in arguments])
        assert isinstance(exit.value.code, int)
        return subprocess.CompletedProcess(arguments, exit.value.code, *capfdbinary.readouterr())

    return run


@pytest.fixture
def serving(environ):
    """Start servers; all are stopped afterwards."""
    started: list[Serving] = []

    def start(*arguments: str) -> Serving:
        server = Serving(["--port", "0", "--model", "tiny", *arguments], environ)
        started.append(server)
        return server

    yield start
    for server in started:
        server.kill()


@pytest.fixture(scope="session")
def tiny_folder(environ) -> Path:
    return Path(environ["SIMILE_MODEL_FOLDERS"]) / "tiny"
