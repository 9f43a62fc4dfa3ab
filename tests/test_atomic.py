"""A file that is replaced is the old one or the new one, whoever writes and whatever fails."""

import multiprocessing
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from simile.atomic import replacing

SIZE = 200_000


def write(path: Path, letter: str) -> None:
    for _ in range(20):
        with replacing(path) as aside:
            aside.write_text(letter * SIZE)


def test_the_new_file_takes_the_place_of_the_old_one(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")
    with replacing(path) as aside:
        aside.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_what_fails_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")
    with pytest.raises(ZeroDivisionError), replacing(path) as aside:
        aside.write_text("ne")
        raise ZeroDivisionError
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_threads_and_processes_do_not_mix_their_files(tmp_path):
    path = tmp_path / "file"
    spawn = multiprocessing.get_context("spawn")
    others = [spawn.Process(target=write, args=(path, letter)) for letter in "ab"]
    for other in others:
        other.start()
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(write, [path, path], "cd"))
    for other in others:
        other.join()
        assert other.exitcode == 0
    text = path.read_text()
    assert text == text[0] * SIZE
    assert list(tmp_path.iterdir()) == [path]
