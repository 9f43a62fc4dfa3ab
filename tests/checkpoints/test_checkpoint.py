"""Weights files: read right, or refused with what is wrong."""

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from tests.checkpoint_files import change_json, write_json, write_safetensors, write_tiny_bert
from tests.opened import encoder_of

from simile.architectures.bert import Architecture
from simile.checkpoints.folder import FolderCheckpoint
from simile.checkpoints.safetensors import open_safetensors
from simile.errors import CheckpointError, UnsupportedModelError

QUERY = "encoder.layer.1.attention.self.query.weight"


def write_raw(path: Path, header: object, body: bytes = b"", pad: bool = True) -> Path:
    text = json.dumps(header).encode()
    if pad:
        text += b" " * (-len(text) % 8)
    path.write_bytes(len(text).to_bytes(8, "little") + text + body)
    return path


def entry(dtype="F32", shape=(2,), offsets=(0, 8)):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets)}


def build(folder: Path):
    return encoder_of(folder).graph()


def arrays_of_any_kind():
    dtypes = st.sampled_from(["<f4", "<f2", "<i8", "<i4", "<u2"]).map(np.dtype)
    shapes = hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=5)
    return dtypes.flatmap(lambda dtype: hnp.arrays(dtype, shapes))


def as_float32(array):
    if array.dtype == np.uint16:  # The upper half of a float32's bits.
        return (array.astype(np.uint32) << 16).view(np.float32)
    with np.errstate(over="ignore"):
        return array.astype(np.float32)


@given(
    st.dictionaries(
        st.text(max_size=8).filter(lambda n: n != "__metadata__"), arrays_of_any_kind(), max_size=5
    )
)
def test_what_was_written_is_taken(tmp_path_factory, arrays):
    path = tmp_path_factory.mktemp("round") / "model.safetensors"
    write_safetensors(path, arrays)
    tensors = open_safetensors([path])
    assert tensors.names == sorted(arrays)
    for name, array in arrays.items():
        taken = tensors.take(name, array.shape)
        assert taken.dtype == np.float32
        np.testing.assert_array_equal(taken, as_float32(array))
    tensors.refuse_unknown(())


@pytest.mark.parametrize("lead", [1, 2, 3, 5])
@pytest.mark.parametrize("dtype", ["<f4", "<f2", "<i8"])
def test_unaligned_tensors_are_read_right(tmp_path, lead, dtype):
    values = np.array([1, -2, 3], dtype=dtype)
    kind = {"<f4": "F32", "<f2": "F16", "<i8": "I64"}[dtype]
    header = {"x": entry(kind, (3,), (0, values.nbytes))}
    path = tmp_path / "model.safetensors"
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8 + lead)
    path.write_bytes(len(text).to_bytes(8, "little") + text + values.tobytes())
    assert open_safetensors([path]).take("x", (3,)).tolist() == [1, -2, 3]


def test_half_formats_keep_their_values(tmp_path):
    path = tmp_path / "model.safetensors"
    bits = np.array([0x3F80, 0xC000, 0x7F80], dtype="<u2")
    write_safetensors(path, {"b": bits, "h": np.array([0.5, -65504, 6e-8], dtype="<f2")})
    tensors = open_safetensors([path])
    assert tensors.take("b", (3,)).tolist() == [1.0, -2.0, np.inf]
    assert tensors.take("h", (3,)).tolist() == [0.5, -65504.0, float(np.float16(6e-8))]


def test_float32_is_not_copied(tmp_path):
    path = tmp_path / "model.safetensors"
    write_safetensors(path, {"x": np.zeros(4, np.float32)})
    assert not open_safetensors([path]).take("x", (4,)).flags.owndata


def test_counts_and_format_are_those_of_the_floats(tmp_path):
    path = tmp_path / "model.safetensors"
    write_safetensors(
        path,
        {
            "a": np.zeros((2, 3), "<f4"),
            "b": np.zeros((2, 4), "<f2"),
            "n": np.zeros(2, "<i8"),
        },
    )
    assert open_safetensors([path]).parameter_count == 14
    assert open_safetensors([path]).weight_format == "F16"


def test_a_file_that_is_not_there_says_so(tmp_path):
    with pytest.raises(CheckpointError, match=r"model\.safetensors is missing"):
        open_safetensors([tmp_path / "model.safetensors"])


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x01",
        b"12345678",
        bytes(16),
        b"PK\x03\x04" * 10,
        (2**63).to_bytes(8, "little") + b"{}",
    ],
    ids=["empty", "one byte", "no header", "zeros", "zip", "endless header"],
)
def test_what_is_no_safetensors_file_is_refused(tmp_path, content):
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"model\.safetensors"):
        open_safetensors([path])


def test_a_header_longer_than_the_file_is_refused(tmp_path):
    path = write_raw(tmp_path / "model.safetensors", {"x": entry()}, bytes(8))
    path.write_bytes((10_000).to_bytes(8, "little") + path.read_bytes()[8:])
    with pytest.raises(CheckpointError, match="truncated in its header"):
        open_safetensors([path])


@pytest.mark.parametrize("kept", [4, 20, 200, -1])
def test_a_truncated_file_is_refused(tmp_path, kept):
    path = write_tiny_bert(tmp_path / "model") / "model.safetensors"
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(CheckpointError, match="truncated"):
        build(path.parent)


@pytest.mark.parametrize(
    "header",
    [b"{", b"[]", b"[1, 2]", b"3 ", b'{"x": }', b"\xff\xfe{}"],
)
def test_a_damaged_header_is_refused(tmp_path, header):
    path = tmp_path / "model.safetensors"
    path.write_bytes(len(header).to_bytes(8, "little") + header + bytes(8))
    with pytest.raises(CheckpointError):
        open_safetensors([path])


@pytest.mark.parametrize(
    "bad",
    [
        [],
        None,
        {},
        {"dtype": "F32"},
        {"dtype": "F32", "shape": 2, "data_offsets": [0, 8]},
        entry(offsets=(0,)),
        entry(offsets=(8, 0)),
        entry(offsets=(-8, 0)),
        entry(offsets=(0, 7)),
        entry(offsets=(0.0, 8.0)),
        entry(offsets=("0", "8")),
        entry(shape=(-2,)),
        entry(shape=(2.0,)),
        entry(shape=(3,)),
        entry(shape=(2**32, 2**32), offsets=(0, 0)),
        entry(shape=(2**70,)),
        entry(dtype=["F32"]),
    ],
    ids=repr,
)
def test_a_damaged_entry_is_refused_by_name(tmp_path, bad):
    path = write_raw(tmp_path / "model.safetensors", {"x.weight": bad}, bytes(8))
    with pytest.raises((CheckpointError, UnsupportedModelError), match=r"x\.weight"):
        open_safetensors([path])


def test_overlapping_tensors_are_refused(tmp_path):
    header = {"a": entry(), "b": entry(offsets=(4, 12))}
    path = write_raw(tmp_path / "model.safetensors", header, bytes(12))
    with pytest.raises(CheckpointError, match=r"model\.safetensors"):
        open_safetensors([path])


@pytest.mark.parametrize("dtype", ["F8_E5M2", "F8_E4M3", "U8", "BOOL", "f32"])
def test_a_format_that_is_not_read_is_named(tmp_path, dtype):
    path = write_raw(tmp_path / "model.safetensors", {"x": entry(dtype)}, bytes(8))
    with pytest.raises(UnsupportedModelError, match=f"tensor x is {dtype}; expected one of F32"):
        open_safetensors([path])


def test_a_missing_tensor_is_named_with_its_shape(tmp_path):
    folder = write_tiny_bert(tmp_path, tensors_changed=lambda arrays: arrays.__delitem__(QUERY))
    with pytest.raises(CheckpointError, match=rf"{QUERY} \[16, 16\] is missing"):
        build(folder)


def test_a_wrong_shape_is_named_with_expected_and_got(tmp_path):
    def change(arrays):
        arrays[QUERY] = arrays[QUERY][:, :8].copy()

    folder = write_tiny_bert(tmp_path, tensors_changed=change)
    with pytest.raises(CheckpointError, match=rf"{QUERY}.*\[16, 16\].*got \[16, 8\]"):
        build(folder)


def test_config_that_disagrees_with_the_weights_is_refused(tmp_path):
    folder = write_tiny_bert(tmp_path, layers=1)
    change_json(folder / "config.json", num_hidden_layers=2)
    with pytest.raises(CheckpointError, match=r"encoder\.layer\.1\.attention"):
        build(folder)


def test_a_tensor_without_a_place_is_refused(tmp_path):
    def change(arrays):
        arrays["encoder.layer.0.attention.self.distance_embedding.weight"] = np.zeros((3, 8), "<f4")

    folder = write_tiny_bert(tmp_path, tensors_changed=change)
    with pytest.raises(UnsupportedModelError, match="distance_embedding"):
        build(folder)


def test_layers_that_config_does_not_count_are_refused(tmp_path):
    folder = write_tiny_bert(tmp_path, layers=2)
    change_json(folder / "config.json", num_hidden_layers=1)
    with pytest.raises(UnsupportedModelError, match=r"encoder\.layer\.1\..* and \d+ more"):
        build(folder)


def test_tensors_that_touch_no_token_vector_are_ignored(tmp_path):
    def change(arrays):
        arrays["embeddings.position_ids"] = np.arange(32, dtype="<i8")[None]
        for name in Architecture.ignored_tensors:
            arrays[f"{name.rstrip('.')}.weight"] = np.zeros(2, "<f4")

    assert build(write_tiny_bert(tmp_path, tensors_changed=change))


def test_a_checkpoint_without_pooler_is_whole(tmp_path):
    def change(arrays):
        for name in [name for name in arrays if name.startswith("pooler.")]:
            del arrays[name]

    assert build(write_tiny_bert(tmp_path, tensors_changed=change))


def test_prefix_and_older_names_of_layer_norms_are_read(tmp_path):
    def change(arrays):
        for name in list(arrays):
            old = name
            if "LayerNorm" in name:
                old = name.replace(".weight", ".gamma").replace(".bias", ".beta")
            arrays[f"bert.{old}"] = arrays.pop(name)

    assert build(write_tiny_bert(tmp_path, tensors_changed=change))


def split_weights(folder: Path) -> dict[str, str]:
    """Replace the one weights file by two shards; gives the map from tensor to shard."""
    whole = open_safetensors([folder / "model.safetensors"])
    arrays = {name: np.array(whole._stored[name].read()) for name in whole.names}
    shards = [f"model-0000{number}-of-00002.safetensors" for number in (1, 2)]
    places = {name: shards[number % 2] for number, name in enumerate(sorted(arrays))}
    for shard in shards:
        write_safetensors(folder / shard, {n: a for n, a in arrays.items() if places[n] == shard})
    del whole
    (folder / "model.safetensors").unlink()
    return places


def test_shards_are_read_as_one(tmp_path):
    folder = write_tiny_bert(tmp_path)
    names = FolderCheckpoint(folder).tensors().names
    places = split_weights(folder)
    write_json(folder / "model.safetensors.index.json", {"weight_map": places})
    assert FolderCheckpoint(folder).tensors().names == names
    assert build(folder)


@pytest.mark.parametrize("shard", ["../model.safetensors", "/etc/model.safetensors", "a/b"])
def test_a_shard_outside_the_folder_is_refused(tmp_path, shard):
    folder = write_tiny_bert(tmp_path / "model")
    write_safetensors(tmp_path / "model.safetensors", {"x": np.zeros(2, "<f4")})
    write_json(folder / "model.safetensors.index.json", {"weight_map": {"x": shard}})
    with pytest.raises(CheckpointError, match="outside"):
        FolderCheckpoint(folder).tensors()


def test_a_shard_that_is_absent_is_named(tmp_path):
    folder = write_tiny_bert(tmp_path)
    index = {"weight_map": {"x": "model-00001-of-00001.safetensors"}}
    write_json(folder / "model.safetensors.index.json", index)
    with pytest.raises(CheckpointError, match=r"model-00001-of-00001\.safetensors is missing"):
        FolderCheckpoint(folder).tensors()


@pytest.mark.parametrize("index", [[], {}, {"weight_map": []}, {"weight_map": None}])
def test_an_index_without_a_map_is_refused(tmp_path, index):
    folder = write_tiny_bert(tmp_path)
    write_json(folder / "model.safetensors.index.json", index)
    with pytest.raises(CheckpointError, match="weight_map"):
        FolderCheckpoint(folder).tensors()


class Trap:
    """Makes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def test_pickled_weights_are_never_opened(tmp_path):
    folder = write_tiny_bert(tmp_path / "model")
    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps(Trap(tmp_path / "sprung")))
    with pytest.raises(CheckpointError, match=r"pickled weights \(pytorch_model\.bin\)"):
        build(folder)
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize("content", [b"{", b"[]", b"\xff\xff", b""])
def test_a_damaged_config_is_refused_by_path(tmp_path, content):
    folder = write_tiny_bert(tmp_path)
    (folder / "config.json").write_bytes(content)
    with pytest.raises(CheckpointError, match=r"config\.json"):
        FolderCheckpoint(folder)


@pytest.mark.parametrize(
    "changes",
    [
        {"hidden_size": None},
        {"hidden_size": "16"},
        {"hidden_size": 15},
        {"num_hidden_layers": 0},
        {"num_attention_heads": True},
        {"vocab_size": -1},
        {"layer_norm_eps": "small"},
        {"hidden_act": 3},
    ],
    ids=repr,
)
def test_a_config_value_that_cannot_be_is_refused(tmp_path, changes):
    folder = write_tiny_bert(tmp_path)
    change_json(folder / "config.json", **changes)
    with pytest.raises(CheckpointError, match=next(iter(changes))):
        build(folder)


@pytest.mark.parametrize(
    "changes",
    [
        {"model_type": "t5"},
        {"model_type": None},
        {"position_embedding_type": "relative_key"},
        {"is_decoder": True},
        {"hidden_act": "quick_gelu"},
    ],
    ids=repr,
)
def test_a_variant_that_is_not_built_is_refused(tmp_path, changes):
    folder = write_tiny_bert(tmp_path)
    change_json(folder / "config.json", **changes)
    with pytest.raises(UnsupportedModelError, match="not built"):
        build(folder)
