import os
from pathlib import Path

import pytest

from simile.bounded import parse_json, parse_toml, read_file
from simile.errors import ConfigError


def test_a_file_is_read_up_to_its_limit(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"12345")
    assert read_file(path, max_bytes=5, error=ConfigError) == b"12345"
    with pytest.raises(ConfigError, match="more than 4 bytes"):
        read_file(path, max_bytes=4, error=ConfigError)


def test_a_fifo_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(ConfigError, match="not a regular file"):
        read_file(tmp_path / "fifo", max_bytes=9, error=ConfigError)


@pytest.mark.parametrize("name", ["missing", "folder", "nul\0"])
def test_what_is_no_file_is_the_callers_error(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(ConfigError):
        read_file(tmp_path / name, max_bytes=9, error=ConfigError)


@pytest.mark.parametrize("data", [b"{", b"[" * 100_000, b"9" * 5_000, b"\xff", b""])
def test_invalid_json_is_the_callers_error(data: bytes) -> None:
    with pytest.raises(ConfigError, match="keys is not JSON"):
        parse_json(data, what="keys", error=ConfigError)


@pytest.mark.parametrize(
    "data", [b"a=", b"a=" + b"[" * 100_000, b"a=" + b"9" * 5_000, b"a='\xff'", b"a='secret"]
)
def test_invalid_toml_is_the_callers_error_and_never_quoted(data: bytes) -> None:
    with pytest.raises(ConfigError, match="keys is not TOML") as caught:
        parse_toml(data, what="keys", error=ConfigError)
    assert "secret" not in str(caught.value)
