"""What a checkpoint says is bounded before it is believed, and what cannot compute is named."""

import json
import os
import subprocess
import sys
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.checkpoint_files import write_tiny_bert

from simile.checkpoints.configuration import Configuration
from simile.checkpoints.safetensors import open_safetensors
from simile.checkpoints.tokenizer_files import read_tokenizer
from simile.embedder import Embedder
from simile.errors import CheckpointError, SimileError, UnsupportedModelError

NUMBERS = [float("nan"), float("inf"), -float("inf"), -1, 2, True, "1e-12", [1], 10**400]


@pytest.mark.parametrize("value", NUMBERS)
def test_an_epsilon_that_cannot_compute_is_named(value):
    with pytest.raises(CheckpointError, match="layer_norm_eps is"):
        Configuration({"layer_norm_eps": value}).epsilon("layer_norm_eps")


@pytest.mark.parametrize("value", [0, -1, 1.5, True, "8", float("nan"), 10**30, [8]])
@pytest.mark.parametrize("name", ["hidden_size", "num_attention_heads", "vocab_size"])
def test_a_size_that_makes_no_sense_is_named(tmp_path, name, value):
    folder = write_tiny_bert(tmp_path)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {name: value}))
    with pytest.raises(SimileError, match=f"{name}|shape|heads"):
        Embedder(str(folder))


@pytest.mark.parametrize("content", [b"[" * 100_000, b'{"a":' * 50_000, b'{"x": ' + b"9" * 5000,
                                     b"\xff", b"{", b"nul"])  # fmt: skip
@pytest.mark.parametrize("name", ["config.json", "modules.json", "tokenizer.json"])
def test_json_that_cannot_be_read_is_named(tmp_path, name, content):
    folder = write_tiny_bert(tmp_path)
    (folder / name).write_bytes(content)
    with pytest.raises(SimileError):
        Embedder(str(folder))


@pytest.mark.skipif(os.name == "nt", reason="FIFOs are of POSIX")
@pytest.mark.parametrize("name", ["config.json", "modules.json", "tokenizer.json"])
def test_no_file_is_waited_for(tmp_path, name):
    folder = write_tiny_bert(tmp_path)
    (folder / name).unlink(missing_ok=True)
    os.mkfifo(folder / name)
    with suppress(SimileError):
        Embedder(str(folder)).close()


def header(entries, body=b""):
    text = json.dumps(entries).encode()
    return len(text).to_bytes(8, "little") + text + body


@pytest.mark.parametrize(
    "content",
    [
        b"", b"\0" * 8, (2**63).to_bytes(8, "little") + b"{}", header([]), header({"a": 5}),
        header({"a": {"dtype": "F32", "shape": [1] * 70, "data_offsets": [0, 4]}}, b"\0" * 4),
        header({"a": {"dtype": "F32", "shape": [2**62, 4], "data_offsets": [0, 4]}}, b"\0" * 4),
        header({"a": {"dtype": "F32", "shape": [-1, -4], "data_offsets": [0, 16]}}, b"\0" * 16),
        header({"a": {"dtype": "F32", "shape": [1], "data_offsets": [4, 8]}}, b"\0" * 4),
        header({"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]},
                "b": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}, b"\0" * 4),
        (100_000).to_bytes(8, "little") + b"[" * 100_000,
        (20 * 2**20).to_bytes(8, "little") + b" " * (20 * 2**20),
    ],
)  # fmt: skip
def test_a_header_that_lies_is_refused(tmp_path, content):
    (tmp_path / "m.safetensors").write_bytes(content)
    with pytest.raises((CheckpointError, UnsupportedModelError)):
        open_safetensors([tmp_path / "m.safetensors"])


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.binary(max_size=40), st.integers(0, 400), st.integers(0, 255))
def test_any_header_is_read_or_refused(tmp_path_factory, noise, at, byte):
    sound = header({"a": {"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 16]}}, b"\0" * 16)
    changed = bytearray(sound)
    changed[at % len(sound)] = byte
    changed[at % len(sound) : at % len(sound)] = noise
    path = tmp_path_factory.mktemp("fuzz") / "m.safetensors"
    path.write_bytes(bytes(changed))
    with suppress(SimileError):
        open_safetensors([path])


@pytest.mark.parametrize(
    "normalizers",
    [
        [{"type": "Replace", "pattern": {"String": "a"}, "content": "a" * 10}] * 10,
        [{"type": "Replace", "pattern": {"String": "a"}, "content": "b" * 10_000}],
        [{"type": "Replace", "pattern": {"Regex": "."}, "content": "b" * 100}],
        [{"type": "Lowercase"}] * 1000,
    ],
)
def test_normalizers_that_multiply_a_text_are_refused(tmp_path, normalizers):
    folder = write_tiny_bert(tmp_path)
    content = json.loads((folder / "tokenizer.json").read_text())
    content["normalizer"] = {"type": "Sequence", "normalizers": normalizers}
    (folder / "tokenizer.json").write_text(json.dumps(content))
    with pytest.raises(CheckpointError, match="times longer"):
        read_tokenizer(folder)


def test_weights_that_are_not_numbers_are_told_by_the_command(tmp_path):
    def spoil(tensors):
        for name in tensors:
            if "LayerNorm" in name:
                tensors[name] = np.full_like(tensors[name], np.nan)

    folder = write_tiny_bert(tmp_path, tensors_changed=spoil)
    for arguments in (["embed", "a"], ["similarity", "a", "b"]):
        command = [sys.executable, "-m", "simile.cli.main", *arguments, "-m", str(folder)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout) == (2, ""), arguments
        assert "computed NaN or infinity" in done.stderr and "Traceback" not in done.stderr
