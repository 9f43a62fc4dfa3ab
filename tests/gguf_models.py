"""Turn metadata and arrays into GGUF files with the gguf package's writer, for tests.

`bert_parts` gives those of a BERT checkpoint's folder, as llama.cpp's converter would write them.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gguf
import numpy as np
from numpy.typing import NDArray

from simile.checkpoints.folder import FolderCheckpoint

Keys = dict[str, Any]
Arrays = dict[str, NDArray[Any]]
_TOP = {
    "embeddings.word_embeddings": "token_embd",
    "embeddings.position_embeddings": "position_embd",
    "embeddings.token_type_embeddings": "token_types",
    "embeddings.LayerNorm": "token_embd_norm",
}
_LAYER = {
    "attention.self.query": "attn_q",
    "attention.self.key": "attn_k",
    "attention.self.value": "attn_v",
    "attention.output.dense": "attn_output",
    "attention.output.LayerNorm": "attn_output_norm",
    "intermediate.dense": "ffn_up",
    "output.dense": "ffn_down",
    "output.LayerNorm": "layer_output_norm",
}


def write_gguf(path: Path, keys: Keys, arrays: Arrays, *, kind: str = "F32") -> Path:
    """Write the file; matrices are stored as `kind`, but for positions and types.

    A key that is None is left out. uint8 arrays are taken for blocks of that kind.
    """
    writer = gguf.GGUFWriter(str(path), str(keys["general.architecture"]))
    for name, value in keys.items():
        if name != "general.architecture" and value is not None:
            _add(writer, name, value)
    for name, array in arrays.items():
        is_matrix = array.ndim == 2 and not name.startswith(("position", "token_types"))
        stored = gguf.GGMLQuantizationType[kind if is_matrix else "F32"]
        raw = array if array.dtype == np.uint8 else gguf.quantize(array, stored)
        writer.add_tensor(name, raw, raw_dtype=stored)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _add(writer: gguf.GGUFWriter, name: str, value: Any) -> None:
    if isinstance(value, bool):
        writer.add_bool(name, value)
    elif isinstance(value, int):
        writer.add_uint32(name, value)
    elif isinstance(value, float):
        writer.add_float32(name, value)
    elif isinstance(value, str):
        writer.add_string(name, value)
    elif isinstance(value, np.ndarray):
        writer.add_array(name, value.tolist())
    else:
        writer.add_array(name, value)


def bert_parts(folder: Path, pooling: int = 1) -> tuple[Keys, Arrays]:
    """Give the metadata and tensors of a BERT checkpoint."""
    checkpoint = FolderCheckpoint(folder)
    config, tensors = checkpoint.config, checkpoint.tensors()
    shapes = {name: shape for name, _, shape in tensors.shapes}
    arrays = {
        other: tensors.take(name, shape)
        for name, shape in shapes.items()
        if (other := _other_name(name)) is not None
    }
    keys = {
        "general.architecture": "bert",
        "bert.block_count": config["num_hidden_layers"],
        "bert.context_length": config["max_position_embeddings"],
        "bert.embedding_length": config["hidden_size"],
        "bert.feed_forward_length": config["intermediate_size"],
        "bert.attention.head_count": config["num_attention_heads"],
        "bert.attention.layer_norm_epsilon": float(config["layer_norm_eps"]),
        "bert.attention.causal": False,
        "bert.pooling_type": pooling,
    }
    return {**keys, **word_piece_keys(folder)}, arrays


def word_piece_keys(folder: Path) -> Keys:
    """Give the vocabulary of a folder's tokenizer.json, the beginnings of words marked."""
    told = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    ids: Mapping[str, int] = told["model"]["vocab"]
    special = {entry["content"] for entry in told["added_tokens"]}
    pieces = [f"[PAD{number}]" for number in range(max(ids.values()) + 1)]
    for piece, number in ids.items():
        pieces[number] = piece
    marked = [p[2:] if p.startswith("##") else p if p in special else f"▁{p}" for p in pieces]
    return {
        "tokenizer.ggml.model": "bert",
        "tokenizer.ggml.tokens": marked,
        "tokenizer.ggml.token_type": [3 if piece in special else 1 for piece in pieces],
        "tokenizer.ggml.cls_token_id": ids["[CLS]"],
        "tokenizer.ggml.seperator_token_id": ids["[SEP]"],
        "tokenizer.ggml.unknown_token_id": ids["[UNK]"],
    }


def _other_name(name: str) -> str | None:
    stem, _, last = name.removeprefix("bert.").rpartition(".")
    if stem in _TOP:
        return f"{_TOP[stem]}.{last}"
    _, _, inside = stem.partition("encoder.layer.")
    number, _, part = inside.partition(".")
    return f"blk.{number}.{_LAYER[part]}.{last}" if part in _LAYER else None
