"""The real command in a process of its own, over a small random checkpoint."""

import io
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from tests.checkpoints import write_tiny_bert

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


class Serving:
    """A running `simile serve`, and what it has said on stderr."""

    def __init__(self, arguments: list[str], environ: dict[str, str]) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "simile.cli.main", "serve", *arguments],
            stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            env=environ,
            text=True,
            encoding="utf-8",
        )
        self.said: list[str] = []
        self._ready = threading.Event()
        self._heard = threading.Condition()
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        assert self.process.stderr
        for line in self.process.stderr:
            with self._heard:
                self.said.append(line)
                self._heard.notify_all()
            if "curl " in line:
                self._ready.set()
        self._ready.set()

    @property
    def url(self) -> str:
        assert self._ready.wait(60)
        line = next((line for line in self.said if "ready on " in line), "")
        assert line, self.said
        return line.partition("ready on ")[2].partition(";")[0]

    def wait_to_say(self, text: str) -> None:
        """Wait until a line with this text comes; fail if none does."""
        with self._heard:
            assert self._heard.wait_for(lambda: any(text in line for line in self.said), 30)

    def stop(self) -> int:
        self.process.terminate()
        return self.process.wait(60)


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
        server.process.kill()
        server.process.wait()
        if server.process.stderr:
            server.process.stderr.close()


@pytest.fixture(scope="session")
def tiny_folder(environ) -> Path:
    return Path(environ["SIMILE_MODEL_FOLDERS"]) / "tiny"
