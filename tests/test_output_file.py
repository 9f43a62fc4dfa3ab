import os
import threading
from pathlib import Path

import pytest

from simile.errors import InputError
from simile.output_file import writing


def put(path: Path, content: bytes = b"new") -> None:
    with writing(path) as aside:
        aside.write_bytes(content)


def test_a_new_file_has_the_mode_of_any_new_file(tmp_path):
    put(tmp_path / "new")
    (tmp_path / "other").touch()
    assert (tmp_path / "new").read_bytes() == b"new"
    assert (tmp_path / "new").stat().st_mode == (tmp_path / "other").stat().st_mode


def test_an_existing_file_keeps_its_mode(tmp_path):
    (tmp_path / "old").touch()
    (tmp_path / "old").chmod(0o640)
    put(tmp_path / "old")
    assert (tmp_path / "old").stat().st_mode & 0o777 == 0o640


def test_a_link_stays_and_its_target_is_written(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "target").touch()
    for name, target in {"link": "folder/target", "dangling": "folder/none"}.items():
        (tmp_path / name).symlink_to(target)
        put(tmp_path / name)
        assert (tmp_path / name).is_symlink()
        assert (tmp_path / target).read_bytes() == b"new"


def test_a_fifo_gets_the_whole_and_stays(tmp_path):
    os.mkfifo(tmp_path / "fifo")
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append((tmp_path / "fifo").read_bytes()))
    reader.start()
    put(tmp_path / "fifo", b"x" * 200_000)
    reader.join(timeout=30)
    assert read == [b"x" * 200_000] and (tmp_path / "fifo").is_fifo()


def test_a_device_is_written_and_not_replaced():
    put(Path("/dev/null"))
    assert Path("/dev/null").is_char_device()
    with pytest.raises(InputError, match="/dev/full cannot be written: No space left"):
        put(Path("/dev/full"))


def test_a_folder_is_no_output(tmp_path):
    with pytest.raises(InputError, match="is a folder"):
        put(tmp_path)
    with pytest.raises(InputError, match="cannot be written: No such file"):
        put(tmp_path / "none" / "file")


def test_a_failure_leaves_the_file_as_it_was(tmp_path):
    (tmp_path / "old").write_bytes(b"old")
    with pytest.raises(RuntimeError), writing(tmp_path / "old") as aside:
        aside.write_bytes(b"half")
        raise RuntimeError
    assert [path.name for path in tmp_path.iterdir()] == ["old"] and (
        tmp_path / "old"
    ).read_bytes() == b"old"
