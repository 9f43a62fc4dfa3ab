"""The head of a GGUF file, whole, cut short, damaged or hostile; the files are the reference's."""

import struct
from contextlib import suppress

import gguf
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.gguf_files import write_gguf

from simile.checkpoints.gguf import reader
from simile.checkpoints.gguf.header import check_embeds, read_scalars
from simile.errors import CheckpointError, UnsupportedModelError


@pytest.fixture
def path(tmp_path):
    return write_gguf(tmp_path / "tiny.gguf", kind="nomic-bert", pooling=gguf.PoolingType.CLS)


def test_single_values_are_read_and_arrays_stepped_over(path):
    assert read_scalars(path) == {
        "general.architecture": "nomic-bert",
        "nomic-bert.context_length": 512,
        "nomic-bert.embedding_length": 64,
        "nomic-bert.pooling_type": 2,
    }


def test_every_kind_of_value_is_read(tmp_path):
    writer = gguf.GGUFWriter(tmp_path / "kinds.gguf", "bert")
    numbers: dict[str, float] = {
        "uint8": 255,
        "int8": -1,
        "uint16": 65_535,
        "int16": -1,
        "uint32": 2**32 - 1,
    }
    numbers |= {"int32": -1, "uint64": 2**64 - 1, "int64": -1, "float32": 0.5, "float64": 0.1}
    for kind, number in numbers.items():
        getattr(writer, f"add_{kind}")(kind, number)
    writer.add_bool("bool", True)
    writer.add_string("string", "süß")
    writer.add_array("floats", [0.5, 1.5])
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()
    known = {"general.architecture": "bert", "bool": True, "string": "süß"}
    assert read_scalars(tmp_path / "kinds.gguf") == known | numbers


def test_what_can_embed_or_rerank_passes_and_a_chat_model_does_not(tmp_path, path):
    assert check_embeds(path, "tiny")
    reranker = write_gguf(tmp_path / "r.gguf", kind="qwen3", pooling=gguf.PoolingType.RANK)
    assert check_embeds(reranker, "tiny")
    chat = write_gguf(tmp_path / "chat.gguf", kind="llama", pooling=None)
    with pytest.raises(UnsupportedModelError, match=r"^llama3 is a chat model \(llama\)"):
        check_embeds(chat, "llama3")


def test_a_file_that_is_still_coming_is_not_judged_before_its_header_is_whole(tmp_path):
    chat = write_gguf(tmp_path / "chat.gguf", kind="llama", pooling=None, rows=1).read_bytes()
    part = tmp_path / "part"
    judged = 0
    for size in range(0, len(chat), 97):
        part.write_bytes(chat[:size])
        try:
            assert not check_embeds(part, "chat")
            assert not judged
        except UnsupportedModelError:
            judged += 1
    assert judged


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"PK\3\4" + bytes(100), "is no GGUF file"),
        (b"GGUF" + struct.pack("<IQQ", 1, 0, 0), "GGUF of version 1; expected 2 or 3"),
        (b"GGUF" + struct.pack("<IQQQ1sI", 3, 0, 1, 1, b"x", 99), "unknown kind 99"),
        (b"GGUF" + struct.pack("<IQQQ1sIIQ", 3, 0, 1, 1, b"x", 9, 9, 1), "unknown kind 9"),
        (b"GGUF" + struct.pack("<IQQQ1s", 3, 0, 1, 1, b"\xff") + bytes(9), "damaged GGUF header"),
        (b"GGUF" + struct.pack("<IQQQ", 3, 0, 1, 2**63), "header of more than"),
        (b"GGUF" + struct.pack("<IQQQ1sIIQ", 3, 0, 1, 1, b"x", 9, 4, 2**62), "header of more than"),
    ],
)
def test_what_is_no_header_is_refused(tmp_path, data, said):
    path = tmp_path / "x.gguf"
    path.write_bytes(data)
    with pytest.raises(CheckpointError, match=said):
        read_scalars(path)


def test_a_header_without_end_is_given_up(tmp_path, monkeypatch):
    monkeypatch.setattr(reader, "MAX_HEADER_BYTES", 1_000)
    path = tmp_path / "x.gguf"
    endless = struct.pack("<IQQQ1sIIQ", 3, 0, 1, 1, b"x", 9, 8, 2**62)
    path.write_bytes(b"GGUF" + endless + bytes(10_000))
    with pytest.raises(CheckpointError, match="header of more than 1,000 bytes"):
        read_scalars(path)


@given(st.data())
def test_no_damage_gets_through(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("damaged")
    whole = bytearray(write_gguf(folder / "x.gguf", tokens=5, rows=1).read_bytes())
    for place in data.draw(st.lists(st.integers(0, 250), min_size=1, max_size=4)):
        whole[place] = data.draw(st.integers(0, 255))
    (folder / "x.gguf").write_bytes(whole)
    with suppress(CheckpointError):
        read_scalars(folder / "x.gguf")
