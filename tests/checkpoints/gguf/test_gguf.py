"""A GGUF file is the model that a folder of safetensors is, or it is refused with the reason."""

from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
from tests.checkpoint_files import write_tiny_bert
from tests.gguf_models import bert_parts, write_gguf
from tests.opened import encoder_of

from simile.checkpoints.open import open_checkpoint
from simile.engine.embedder import LocalEmbedder
from simile.errors import CheckpointError, UnsupportedModelError
from simile.hub.plain_folder import open_folder
from simile.models.open import open_cross_encoder, read_facts

GOLDEN = Path(__file__).parents[2] / "golden"
TEXTS = ["Why is the sky blue?", "the cat and the dog", "", "a search of tokens " * 9]


def vectors(path: Path) -> Any:
    embedder = LocalEmbedder(open_folder(str(path)), precision="f32")
    found = embedder.submit(TEXTS).result(timeout=60).vectors
    embedder.close()
    return found


def cosines(left: Any, right: Any) -> Any:
    return np.sum(left * right, axis=1)


@pytest.fixture
def folder(tmp_path):
    return write_tiny_bert(tmp_path / "folder", dim=32, heads=4)


@pytest.fixture
def parts(folder):
    return bert_parts(folder)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.gguf"


def refusal(path, keys, arrays, error, **changes: Any) -> str:
    """Open the file with some keys changed, down to its graph, and give the error's message."""
    named = {name.replace("__", "."): value for name, value in changes.items()}
    write_gguf(path, keys | named, arrays)
    with pytest.raises(error) as raised:
        encoder_of(path).graph()
    return str(raised.value)


@pytest.mark.parametrize(("pooling", "number"), [("mean", 1), ("cls", 2), ("lasttoken", 3)])
def test_a_file_gives_its_folders_vectors(tmp_path, path, pooling, number):
    folder = write_tiny_bert(tmp_path / "folder", pooling=pooling)
    write_gguf(path, *bert_parts(folder, number))
    assert np.allclose(vectors(path), vectors(folder), atol=1e-6)


def test_vectors_have_length_one_whatever_the_folder_says(tmp_path, path):
    folder = write_tiny_bert(tmp_path / "folder", normalize=False)
    write_gguf(path, *bert_parts(folder))
    plain = vectors(folder)
    lengths = np.linalg.norm(plain, axis=1, keepdims=True)
    assert np.allclose(vectors(path), plain / lengths, atol=1e-6)


@pytest.mark.parametrize(
    ("kind", "least"), [("F16", 0.99999), ("BF16", 0.999), ("Q8_0", 0.999), ("Q4_0", 0.9)]
)
def test_rounded_weights_give_nearly_the_same_vectors(path, folder, parts, kind, least):
    write_gguf(path, *parts, kind=kind)
    assert cosines(vectors(path), vectors(folder)).min() > least
    assert read_facts(open_folder(str(path))).weight_format == kind


@pytest.mark.real
@pytest.mark.parametrize(("kind", "least"), [("F16", 0.9999), ("Q8_0", 0.999)])
def test_the_real_model_gives_nearly_the_same_vectors(path, all_minilm, kind, least):
    write_gguf(path, *bert_parts(all_minilm.path), kind=kind)
    assert cosines(vectors(path), vectors(all_minilm.path)).min() > least


def test_facts_are_those_of_the_file(path, parts):
    keys, arrays = parts
    write_gguf(path, keys | {"general.file_type": 15}, arrays)
    facts = read_facts(open_folder(str(path)))
    assert (facts.model_type, facts.dim, facts.pooling, facts.normalize) == (
        *("bert", 32, "mean", True),
    )
    assert facts.weight_format == "Q4_K_M"
    assert facts.parameter_count == sum(array.size for array in arrays.values())
    assert facts.max_tokens == facts.sizes.context_length == 32


def test_one_matrix_for_queries_keys_and_values_is_cut(path, folder, parts):
    keys, arrays = parts
    for layer in ("blk.0", "blk.1"):
        for last in ("weight", "bias"):
            pieces = [arrays.pop(f"{layer}.attn_{part}.{last}") for part in "qkv"]
            arrays[f"{layer}.attn_qkv.{last}"] = np.concatenate(pieces)
    write_gguf(path, keys, arrays)
    assert np.allclose(vectors(path), vectors(folder), atol=1e-6)


def test_a_model_without_types_of_texts_is_built(path, folder, parts):
    keys, arrays = parts
    types = arrays.pop("token_types.weight")
    arrays["position_embd.weight"] = arrays["position_embd.weight"] + types[0]
    write_gguf(path, keys, arrays)
    assert np.allclose(vectors(path), vectors(folder), atol=1e-6)


def test_a_table_of_one_type_may_have_lost_its_first_dimension(path, folder, parts):
    keys, arrays = parts
    arrays["token_types.weight"] = arrays["token_types.weight"][0]
    write_gguf(path, keys, arrays)
    assert np.allclose(vectors(path), vectors(folder), atol=1e-6)


def test_a_vocabulary_alone_is_refused(path, parts):
    assert "no tensors" in refusal(path, parts[0], {}, CheckpointError)


@pytest.mark.parametrize("pooling", [None, 0])
def test_a_chat_model_is_refused(path, parts, pooling):
    write_gguf(path, parts[0] | {"bert.pooling_type": pooling}, parts[1])
    with pytest.raises(UnsupportedModelError, match="is a chat model and cannot embed"):
        open_checkpoint(path)


REFUSED = [
    ({"bert__pooling_type": 9}, UnsupportedModelError, "pooling_type 9"),
    ({"bert__attention__causal": True}, UnsupportedModelError, "attention.causal True"),
    ({"bert__expert_count": 8}, UnsupportedModelError, "expert_count 8"),
    ({"bert__attention__scale": 0.5}, UnsupportedModelError, "attention.scale 0.5"),
    ({"bert__block_count": None}, CheckpointError, "block_count is None"),
    ({"bert__block_count": 3}, CheckpointError, "encoder.layer.2.attention.self.query"),
    ({"bert__block_count": 1}, UnsupportedModelError, "does not use: encoder.layer.1"),
    ({"bert__embedding_length": 64}, CheckpointError, "word_embeddings.weight"),
    ({"bert__context_length": 2**31}, CheckpointError, "context_length is 2,147,483,648"),
    ({"bert__context_length": 33}, CheckpointError, "position_embeddings"),
    ({"bert__attention__head_count": "four"}, CheckpointError, "head_count is 'four'"),
    ({"bert__attention__head_count": [4, 4]}, CheckpointError, "head_count is"),
]


@pytest.mark.parametrize(("changes", "error", "message"), REFUSED, ids=lambda value: str(value))
def test_metadata_that_cannot_be_or_is_not_built_is_named(path, parts, changes, error, message):
    keys, arrays = parts
    assert message in refusal(path, keys, arrays, error, **changes)


def test_an_architecture_that_is_not_built_is_named(path, parts):
    keys = {"general.architecture": "mamba", "mamba.pooling_type": 1}
    message = refusal(path, keys, parts[1], UnsupportedModelError)
    assert "general.architecture 'mamba' is not built here; expected one of bert" in message


def test_a_tensor_that_no_architecture_knows_is_named(path, parts):
    keys, arrays = parts
    arrays["blk.0.attn_q_norm.weight"] = np.ones(32, dtype=np.float32)
    assert "blk.0.attn_q_norm.weight" in refusal(path, keys, arrays, UnsupportedModelError)


def test_berts_reranker_without_its_pooler_is_refused(path, parts):
    keys, arrays = parts
    arrays["cls.output.weight"] = np.ones((1, 32), dtype=np.float32)
    message = refusal(path, keys, arrays, UnsupportedModelError, bert__pooling_type=4)
    assert "pooler" in message


def test_a_reranker_says_which_head_it_has_also_without_a_pooling(path, parts):
    keys, arrays = parts
    numbers = np.random.default_rng(1)
    arrays["cls.weight"] = numbers.normal(size=(32, 32)).astype(np.float32)
    arrays["cls.output.weight"] = numbers.normal(size=32).astype(np.float32)
    arrays |= {"cls.bias": np.zeros(32, np.float32), "cls.output.bias": np.zeros(1, np.float32)}
    write_gguf(path, keys | {"bert.pooling_type": None}, arrays)
    model = open_folder(str(path))
    assert read_facts(model).is_reranker
    assert open_cross_encoder(model).layout.kind == "XLMRobertaForSequenceClassification"
    assert open_cross_encoder(model).graph().inputs


def test_two_rows_for_yes_and_no_become_their_difference(path):
    rows = np.arange(64, dtype=np.float32).reshape(2, 32) ** 2
    golden = GOLDEN / "gguf-qwen3" / "model.gguf"
    names = {"qwen3.pooling_type": "qwen3.forgotten"}
    copy(golden, path, architecture="qwen3", names=names, more=rows)
    checkpoint = open_checkpoint(path)
    assert checkpoint.config["architectures"] == ["Qwen3ForSequenceClassification"]
    assert np.array_equal(checkpoint.tensors().take("score.weight", (1, 32)), rows[:1] - rows[1:])
    ids = checkpoint.tokenizer().encode("cat").ids
    assert ids == open_checkpoint(golden).tokenizer().encode("cat").ids


def copy(
    source: Path, target: Path, *, architecture: str, names: dict[str, str], more: Any = None
) -> Path:
    """Write a golden file anew with other names of its keys and tensors, and one more tensor."""
    reader = gguf.GGUFReader(source)
    writer = gguf.GGUFWriter(target, architecture)
    for name, field in reader.fields.items():
        if name.startswith(("GGUF.", "general.")):
            continue
        other = name.replace("gemma-embedding.", f"{architecture}.")
        writer.add_key_value(
            names.get(other, other),
            field.contents(),
            field.types[0],
            field.types[-1] if len(field.types) > 1 else None,
        )
    for tensor in reader.tensors:
        writer.add_tensor(
            names.get(tensor.name, tensor.name), tensor.data, raw_dtype=tensor.tensor_type
        )
    if more is not None:
        writer.add_tensor("cls.output.weight", more)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return target


def test_ollamas_own_embeddinggemma_is_read_as_what_it_is(path):
    golden = GOLDEN / "gguf-gemma" / "model.gguf"
    names = {
        "dense_2.weight": "dense.0.weight",
        "dense_3.weight": "dense.1.weight",
        "gemma3.rope.freq_base": "gemma3.rope.global.freq_base",
        "gemma3.pooling_type": "gemma3.forgotten",
    }
    copy(golden, path, architecture="gemma3", names=names)
    checkpoint, theirs = open_checkpoint(path), open_checkpoint(golden)
    assert checkpoint.config == theirs.config
    assert checkpoint.find_json("modules.json") == theirs.find_json("modules.json")
    assert checkpoint.tensors("3_Dense").names == ["linear.weight"]
    assert [m["path"] for m in checkpoint.find_json("modules.json")] == [
        *("", "1_Pooling", "2_Dense", "3_Dense", "9_Normalize")
    ]
