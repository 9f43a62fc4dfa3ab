"""A mapped file's bytes are those of the file, also after its memory was given back."""

import sys
from pathlib import Path

import numpy as np
import pytest

from simile.checkpoints.mapped_file import MappedFile
from simile.errors import CheckpointError


def resident_bytes(path) -> int:
    """How much of a file this process has in memory."""
    found, is_it = 0, False
    with Path("/proc/self/smaps").open(encoding="utf-8") as lines:
        for line in lines:
            if "-" in line.split(" ", 1)[0]:
                is_it = str(path) in line
            elif is_it and line.startswith("Rss:"):
                found += int(line.split()[1]) * 1024
    return found


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_memory_is_given_back_and_bytes_stay(tmp_path):
    path = tmp_path / "weights"
    content = np.arange(4 * 2**20, dtype=np.uint8)
    path.write_bytes(content.tobytes())
    file = MappedFile(path)
    np.testing.assert_array_equal(file.data, content)
    assert resident_bytes(path) == content.size
    file.let_go()
    assert resident_bytes(path) == 0
    np.testing.assert_array_equal(file.data, content)


@pytest.mark.parametrize("what", ["nothing", "an empty file", "a folder"])
def test_what_is_no_file_is_a_checkpoint_error(tmp_path, what):
    path = tmp_path / "weights"
    if what == "an empty file":
        path.touch()
    elif what == "a folder":
        path.mkdir()
    with pytest.raises(CheckpointError, match="weights"):
        MappedFile(path)
