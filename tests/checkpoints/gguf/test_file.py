"""GGUF files are read exactly, and damaged ones are refused, whatever is damaged."""

import struct
from contextlib import suppress
from pathlib import Path

import gguf
import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from tests.gguf_models import write_gguf

from simile.checkpoints.gguf import blocks, reader
from simile.checkpoints.gguf.file import read_gguf
from simile.checkpoints.open import open_checkpoint
from simile.errors import CheckpointError, ModelError, UnsupportedModelError

GOLDEN = Path(__file__).parents[2] / "golden"
BLOCKS = sorted(block.kind for block in blocks.BLOCKS.values() if block.numbers > 1)


def text(value: str) -> bytes:
    return struct.pack("<Q", len(value.encode())) + value.encode()


def header(*, tensors: int = 0, keys: int = 0, version: int = 3) -> bytes:
    return b"GGUF" + struct.pack("<IQQ", version, tensors, keys)


def tensor(name: str, shape: tuple[int, ...], kind: int, start: int) -> bytes:
    dims = struct.pack(f"<I{len(shape)}Q", len(shape), *reversed(shape))
    return text(name) + dims + struct.pack("<IQ", kind, start)


def write(folder: Path, content: bytes, padding: int = 0) -> Path:
    path = folder / "model.gguf"
    path.write_bytes(content + bytes(-len(content) % 32) + bytes(padding))
    return path


def test_values_of_every_kind_are_read(tmp_path):
    writer = gguf.GGUFWriter(str(tmp_path / "x"), "bert")
    writer.add_uint8("a", 200)
    writer.add_int8("b", -3)
    writer.add_uint64("c", 2**40)
    writer.add_float32("d", 1e-12)
    writer.add_float64("e", 0.1)
    writer.add_bool("f", True)
    writer.add_string("g", "Grüße")
    writer.add_array("h", ["▁a", "", "\n"])
    writer.add_array("i", [1, -2, 3])
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()
    values = read_gguf(tmp_path / "x").values
    assert [values[name] for name in "abcdefg"] == [200, -3, 2**40, 1e-12, 0.1, True, "Grüße"]
    assert values["h"].read() == ["▁a", "", "\n"]
    assert values["i"].tolist() == [1, -2, 3]


@pytest.mark.parametrize("kind", ["F32", "F16", "BF16"])
def test_floats_are_read_as_they_are(tmp_path, kind):
    array = np.array([[1, -2.5, 3e-3], [0, 4, 5]], dtype=np.float32)
    path = write_gguf(tmp_path / "x", {"general.architecture": "bert"}, {"m": array}, kind=kind)
    found = read_gguf(path).tensors["m"]
    assert (found.kind, found.shape) == (kind, (2, 3))
    assert np.allclose(found.read(), array, rtol=1e-2)
    assert kind != "F32" or np.array_equal(found.read(), array)


@pytest.mark.parametrize("kind", BLOCKS)
def test_blocks_are_dequantized_as_by_the_gguf_package(tmp_path, kind, monkeypatch):
    monkeypatch.setattr(blocks, "CHUNK_NUMBERS", 768)
    quantization = gguf.GGMLQuantizationType[kind]
    per_block, size = gguf.GGML_QUANT_SIZES[quantization]
    raw = np.random.default_rng(3).integers(0, 60, (5, 512 // per_block * size), dtype=np.uint8)
    keys = {"general.architecture": "bert"}
    path = write_gguf(tmp_path / "x", keys, {"m": raw}, kind=kind)
    found = read_gguf(path).tensors["m"]
    assert (found.kind, found.shape) == (kind, (5, 512))
    assert np.array_equal(found.read(), gguf.dequantize(raw, quantization))


def test_a_block_of_q8_0_is_a_scale_and_32_bytes(tmp_path):
    block = np.float16(0.5).tobytes() + bytes(range(32))
    content = header(tensors=1) + tensor("m", (1, 32), 8, 0)
    path = write(tmp_path, content)
    path.write_bytes(path.read_bytes() + block)
    assert read_gguf(path).tensors["m"].read().tolist() == [[n / 2 for n in range(32)]]


def test_a_tensor_at_an_odd_place_is_read(tmp_path):
    key = text("general.alignment") + struct.pack("<II", 4, 1)
    content = header(tensors=1, keys=1) + key + tensor("m", (2,), 0, 0)
    path = tmp_path / "x"
    path.write_bytes(content + np.array([1.5, 2.5], dtype=np.float32).tobytes())
    assert read_gguf(path).tensors["m"].read().tolist() == [1.5, 2.5]


def array_key(kind: int, count: int, content: bytes = b"") -> bytes:
    return text("a") + struct.pack("<IIQ", 9, kind, count) + content


DAMAGED = {
    "empty": b"",
    "not GGUF": b"PK\3\4" * 20,
    "another version": header(version=1),
    "big-endian": b"GGUF" + struct.pack(">IQQ", 3, 0, 0),
    "2**63 tensors": header(tensors=2**63),
    "2**63 keys": header(keys=2**63),
    "a string of 2**62": header(keys=1) + struct.pack("<Q", 2**62),
    "an array of 2**60": header(keys=1) + array_key(8, 2**60),
    "an array in an array": header(keys=1) + array_key(9, 1, array_key(4, 0)[9:]),
    "an unknown kind": header(keys=1) + text("a") + struct.pack("<I", 77),
    "a string past the end": header(keys=1) + array_key(8, 1, struct.pack("<Q", 2**62)),
    "no UTF-8": header(keys=1) + struct.pack("<Q", 1) + b"\xff" + struct.pack("<IB", 7, 1),
    "a key twice": header(keys=2) + (text("a") + struct.pack("<IB", 7, 1)) * 2,
    "a tensor twice": header(tensors=2) + tensor("m", (1,), 0, 0) + tensor("m", (1,), 0, 4),
    "an overlap": header(tensors=2) + tensor("m", (2,), 0, 0) + tensor("n", (2,), 0, 4),
    "a tensor past the end": header(tensors=1) + tensor("m", (99,), 0, 0),
    "a tensor of 2**120": header(tensors=1) + tensor("m", (2**60, 2**60), 0, 0),
    "an empty tensor": header(tensors=1) + tensor("m", (0, 4), 0, 0),
    "no dimension": header(tensors=1) + tensor("m", (), 0, 0),
    "five dimensions": header(tensors=1) + tensor("m", (1, 1, 1, 1, 1), 0, 0),
    "half a block": header(tensors=1) + tensor("m", (2, 16), 8, 0),
    "alignment 0": header(keys=1) + text("general.alignment") + struct.pack("<II", 4, 0),
    "alignment of text": header(keys=1)
    + text("general.alignment")
    + struct.pack("<I", 8)
    + text(""),
}


@pytest.mark.parametrize("content", DAMAGED.values(), ids=DAMAGED.keys())
def test_a_damaged_file_is_refused(tmp_path, content):
    with pytest.raises(CheckpointError, match="gguf"):
        read_gguf(write(tmp_path, content, padding=64 if content else 0))


def test_a_header_of_more_values_than_any_vocabulary_has_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(reader, "MAX_VALUES", 3)
    read_gguf(write(tmp_path, header(keys=1) + array_key(8, 3, bytes(24))))
    with pytest.raises(CheckpointError, match="more than"):
        read_gguf(write(tmp_path, header(keys=1) + array_key(8, 4, bytes(32))))


@pytest.mark.parametrize(("kind", "name"), [(16, "IQ2_XXS"), (24, "I8"), (999, "format 999")])
def test_a_format_that_is_not_built_is_named(tmp_path, kind, name):
    path = write(tmp_path, header(tensors=1) + tensor("m", (1,), kind, 0), padding=64)
    with pytest.raises(UnsupportedModelError, match=f"tensor m is .*{name}; expected one of F32"):
        read_gguf(path)


def open_and_use(path: Path) -> None:
    checkpoint = open_checkpoint(path)
    checkpoint.tokenizer().encode("Why is the sky blue? 猫")
    tensors = checkpoint.tensors()
    for name, _, shape in tensors.shapes:
        tensors.take(name, shape)


@pytest.mark.parametrize("name", ["gguf-bert", "gguf-gemma", "gguf-qwen3"])
def test_a_file_cut_anywhere_is_refused(tmp_path, name):
    whole = (GOLDEN / name / "model.gguf").read_bytes()
    path = tmp_path / "cut.gguf"
    for end in [*range(0, 200), *range(200, len(whole) - 64, len(whole) // 60)]:
        path.write_bytes(whole[:end])
        with pytest.raises(CheckpointError):
            open_checkpoint(path)


CHANGES = st.lists(st.tuples(st.integers(0, 60_000), st.binary(min_size=1, max_size=9)), min_size=1)


@pytest.mark.parametrize("name", ["gguf-bert", "gguf-gemma", "gguf-qwen3"])
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(changes=CHANGES)
@example(changes=[(8, b"\xff" * 8)])
@example(changes=[(16, b"\xff" * 8)])
def test_a_changed_file_is_used_or_refused_in_our_words(tmp_path, name, changes):
    content = bytearray((GOLDEN / name / "model.gguf").read_bytes())
    for place, bytes_there in changes:
        place %= len(content)
        content[place : place + len(bytes_there)] = bytes_there
    path = tmp_path / "changed.gguf"
    path.write_bytes(content)
    with suppress(ModelError):
        open_and_use(path)
