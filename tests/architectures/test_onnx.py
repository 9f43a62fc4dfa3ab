"""ONNX encoders: inputs, outputs, files beside them, refusals."""

import shutil

import numpy as np
import pytest
from tests.checkpoint_files import SPECIALS, VOCAB, change_json, write_tiny_bert
from tests.onnx_files import write_onnx

from simile.checkpoints.files import choose, find_onnx
from simile.engine.cross_encoder import LocalReranker
from simile.engine.embedder import LocalEmbedder
from simile.errors import CheckpointError, UnsupportedModelError
from simile.hub.plain_folder import open_folder
from simile.models.open import read_facts

WIDTH = 16
TABLE = np.random.default_rng(5).normal(size=(len(SPECIALS) + len(VOCAB), WIDTH)).astype("<f4")
AXES = ("batch", "seq")


@pytest.fixture
def folder(tmp_path):
    """The files of a tiny BERT, without its weights."""
    place = write_tiny_bert(tmp_path / "tiny", dim=WIDTH, normalize=False)
    (place / "model.safetensors").unlink()
    return place


def embed(folder, texts=("the cat", "a")):
    with_tokens = LocalEmbedder(open_folder(str(folder)), precision="f32")
    try:
        ids = [token.ids for token in with_tokens._tokenizer.encode(texts, [32] * len(texts))]
        return with_tokens.embed(texts, role="query"), ids
    finally:
        with_tokens.close()


def test_token_vectors_are_pooled_as_modules_json_says(folder):
    write_onnx(folder / "onnx" / "model.onnx", TABLE)
    vectors, ids = embed(folder)
    np.testing.assert_allclose(vectors, [TABLE[row].mean(axis=0) for row in ids], atol=1e-6)


def test_positions_count_from_zero_and_token_types_are_zero(folder):
    inputs = dict.fromkeys(("input_ids", "position_ids", "token_type_ids"), AXES)
    write_onnx(folder / "model.onnx", TABLE, inputs=inputs, looked_up="position_ids")
    vectors, ids = embed(folder)
    expected = [TABLE[: len(row)].mean(axis=0) for row in ids]
    np.testing.assert_allclose(vectors, expected, atol=1e-6)
    write_onnx(folder / "model.onnx", TABLE, inputs=inputs, looked_up="token_type_ids")
    np.testing.assert_allclose(embed(folder)[0], [TABLE[0], TABLE[0]], atol=1e-6)


def test_a_vector_of_the_text_is_used_as_it_is(folder):
    (folder / "modules.json").unlink()
    wide = np.concatenate([TABLE, TABLE], axis=1)
    write_onnx(folder / "onnx" / "model.onnx", wide, output="sentence_embedding")
    facts = read_facts(open_folder(str(folder)))
    assert (facts.dim, facts.pooling, facts.normalize) == (2 * WIDTH, "", False)
    (vector,), (ids,) = embed(folder, ["the cat"])
    np.testing.assert_allclose(vector, wide[ids].mean(axis=0), atol=1e-6)


def test_token_vectors_without_modules_json_are_refused(folder):
    (folder / "modules.json").unlink()
    write_onnx(folder / "onnx" / "model.onnx", TABLE)
    with pytest.raises(CheckpointError, match=r"modules\.json is missing"):
        embed(folder)


def test_facts_are_those_of_config_json(folder):
    write_onnx(folder / "onnx" / "model.onnx", TABLE)
    facts = read_facts(open_folder(str(folder)))
    assert (facts.model_type, facts.weight_format) == ("bert", "ONNX")
    assert (facts.sizes.layer_count, facts.sizes.head_count, facts.max_tokens) == (2, 2, 32)
    assert facts.parameter_count >= TABLE.size


def test_an_architecture_that_is_not_built_here_runs_from_onnx(folder):
    change_json(folder / "config.json", model_type="albert", max_position_embeddings=20)
    write_onnx(folder / "onnx" / "model.onnx", TABLE)
    assert read_facts(open_folder(str(folder))).sizes.context_length == 20
    vectors, ids = embed(folder)
    np.testing.assert_allclose(vectors[1], TABLE[ids[1]].mean(axis=0), atol=1e-6)


def test_safetensors_come_first(folder, tmp_path):
    write_onnx(folder / "onnx" / "model.onnx", TABLE)
    (folder / "onnx" / "model.onnx").rename(folder / "onnx" / "other.onnx")
    assert read_facts(open_folder(str(folder))).weight_format == "ONNX"
    whole = write_tiny_bert(tmp_path / "whole", dim=WIDTH)
    shutil.copy(whole / "model.safetensors", folder)
    assert read_facts(open_folder(str(folder))).weight_format == "F32"


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"inputs": {"input_ids": AXES, "task_id": ("batch",)}}, "task_id"),
        ({"inputs": {"input_ids": AXES, "pixel_values": AXES}}, "pixel_values"),
        ({"inputs": {"input_ids": (1, 128)}}, "input_ids of shape"),
        ({"inputs": {"input_ids": ("batch", 128)}}, "input_ids of shape"),
        ({"output": "logits"}, "logits; expected one of last_hidden_state"),
    ],
)
def test_another_interface_is_refused_and_named(folder, options, named):
    write_onnx(folder / "onnx" / "model.onnx", TABLE, **options)
    with pytest.raises(UnsupportedModelError, match=named):
        read_facts(open_folder(str(folder)))


def test_a_reranker_is_refused(folder):
    (folder / "modules.json").unlink()
    kind = ["BertForSequenceClassification"]
    change_json(folder / "config.json", architectures=kind, id2label={"0": "LABEL_0"})
    write_onnx(folder / "model.onnx", TABLE, output="logits")
    with pytest.raises(CheckpointError, match="only encoders are read"):
        LocalReranker(open_folder(str(folder)))


def test_a_damaged_file_is_a_checkpoint_error(folder):
    path = write_onnx(folder / "onnx" / "model.onnx", TABLE)
    path.write_bytes(path.read_bytes()[:400])
    with pytest.raises(CheckpointError, match=r"model\.onnx cannot be read"):
        read_facts(open_folder(str(folder)))


def test_weights_beside_the_file_are_read(folder):
    write_onnx(folder / "onnx" / "model.onnx", TABLE, location="model.onnx_data")
    (folder / "onnx" / "model.onnx_data").write_bytes(TABLE.tobytes())
    vectors, ids = embed(folder)
    np.testing.assert_allclose(vectors[0], TABLE[ids[0]].mean(axis=0), atol=1e-6)


def test_weights_beside_the_file_count_in_its_digest(folder):
    write_onnx(folder / "onnx" / "model.onnx", TABLE, location="model.onnx_data")
    data = folder / "onnx" / "model.onnx_data"
    data.write_bytes(TABLE.tobytes())
    before = open_folder(str(folder)).digest
    data.write_bytes((TABLE + 1).tobytes())
    assert open_folder(str(folder)).digest != before


@pytest.mark.parametrize("how", ["up", "absolute", "link"])
def test_weights_outside_the_folder_are_refused(folder, tmp_path, how):
    secret = tmp_path / "secret.bin"
    secret.write_bytes(TABLE.tobytes())
    location = {"up": "../../secret.bin", "absolute": str(secret), "link": "model.onnx_data"}[how]
    write_onnx(folder / "onnx" / "model.onnx", TABLE, location=location)
    if how == "link":
        (folder / "onnx" / "model.onnx_data").symlink_to(secret)
    with pytest.raises(CheckpointError, match="outside"):
        read_facts(open_folder(str(folder)))


@pytest.mark.parametrize(
    ("names", "chosen"),
    [
        (["model.onnx", "onnx/model.onnx", "onnx/model_O4.onnx"], "onnx/model.onnx"),
        (["model.onnx", "onnx/model_O4.onnx"], "model.onnx"),
        (["onnx/model_quantized.onnx"], "onnx/model_quantized.onnx"),
        (["onnx/model_O1.onnx", "onnx/model_O4.onnx"], None),
        (["openvino/model.onnx", "model.onnx.txt"], None),
    ],
)
def test_the_file_is_chosen_in_a_fixed_order(names, chosen):
    assert find_onnx(names) == chosen


def test_onnx_is_pulled_only_where_there_are_no_other_weights():
    beside = ["config.json", "modules.json", "1_Pooling/config.json", "tokenizer.json"]
    onnx = ["onnx/model.onnx", "onnx/model.onnx_data", "onnx/model_O4.onnx", "onnx/README.md"]
    assert choose([*beside, *onnx]) == sorted([*beside, *onnx[:2]])
    assert choose([*beside, *onnx, "model.safetensors"]) == sorted([*beside, "model.safetensors"])
