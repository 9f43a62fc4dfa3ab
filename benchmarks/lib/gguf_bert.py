"""Convert a BERT checkpoint to a GGUF file with F16 or Q8_0 matrices, for llama.cpp.

Uses the keys and tensor names that llama.cpp's convert_hf_to_gguf.py writes for BertModel, and its
WordPiece convention: the beginning of a word is marked, not its continuation.
Source: ggml-org/llama.cpp, convert_hf_to_gguf.py and gguf-py/gguf/constants.py (read 2026-11).
"""

import json
from pathlib import Path
from typing import Any

import numpy as np

from simile.checkpoints.folder import FolderCheckpoint

_TOP = {
    "embeddings.word_embeddings.weight": "token_embd.weight",
    "embeddings.position_embeddings.weight": "position_embd.weight",
    "embeddings.token_type_embeddings.weight": "token_types.weight",
    "embeddings.LayerNorm.weight": "token_embd_norm.weight",
    "embeddings.LayerNorm.bias": "token_embd_norm.bias",
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
_KEPT_F32 = ("position_embd.weight", "token_types.weight")
_NORMAL, _UNKNOWN, _CONTROL = 1, 2, 3
"""Token types of GGUF."""


def written(model: Path, folder: Path, kind: str) -> Path:
    """Write the checkpoint in `model` as F16 or Q8_0, once per folder; return the file."""
    plain, packed = folder / "model-f16.gguf", folder / "model-q8_0.gguf"
    if not plain.exists():
        write(model, plain)
    if kind == "F16":
        return plain
    if not packed.exists():
        _pack(plain, packed)
    return packed


def _pack(plain: Path, packed: Path) -> None:
    import llama_cpp

    options = llama_cpp.llama_model_quantize_default_params()
    options.ftype = llama_cpp.LLAMA_FTYPE_MOSTLY_Q8_0
    if llama_cpp.llama_model_quantize(str(plain).encode(), str(packed).encode(), options):
        raise RuntimeError(f"llama.cpp could not quantize {plain.name}")


def write(folder: Path, target: Path) -> None:
    """Write the checkpoint's weights and vocabulary to `target`."""
    import gguf  # type: ignore[import-untyped, import-not-found, unused-ignore]
    from safetensors.numpy import load_file  # type: ignore[import-not-found, unused-ignore]

    checkpoint = FolderCheckpoint(folder)
    writer = gguf.GGUFWriter(str(target), "bert")
    _add_facts(gguf, writer, checkpoint)
    _add_vocabulary(writer, folder, checkpoint.config)
    tensors = load_file(folder / "model.safetensors")
    prefix = "bert." if "bert.embeddings.LayerNorm.weight" in tensors else ""
    for source, name in _names(checkpoint.config["num_hidden_layers"]).items():
        array = tensors[prefix + source]
        half = array.ndim == 2 and name not in _KEPT_F32
        writer.add_tensor(name, np.ascontiguousarray(array, np.float16 if half else np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _names(layers: int) -> dict[str, str]:
    names = dict(_TOP)
    for layer in range(layers):
        for source, name in _LAYER.items():
            for part in ("weight", "bias"):
                names[f"encoder.layer.{layer}.{source}.{part}"] = f"blk.{layer}.{name}.{part}"
    return names


def _add_facts(gguf: Any, writer: Any, checkpoint: FolderCheckpoint) -> None:
    config = checkpoint.config
    pooling = checkpoint.find_json("1_Pooling/config.json") or {}
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_layer_norm_eps(config["layer_norm_eps"])
    writer.add_causal_attention(False)
    kind = gguf.PoolingType.CLS if pooling.get("pooling_mode_cls_token") else gguf.PoolingType.MEAN
    writer.add_pooling_type(kind)
    writer.add_file_type(1)


def _add_vocabulary(writer: Any, folder: Path, config: dict[str, Any]) -> None:
    told = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    ids: dict[str, int] = told["model"]["vocab"]
    tokens = [f"[unused-{place}]" for place in range(config["vocab_size"])]
    types = [_NORMAL] * len(tokens)
    for token, place in ids.items():
        tokens[place] = _marked(token)
    for entry in told["added_tokens"]:
        tokens[entry["id"]] = entry["content"]
        types[entry["id"]] = _UNKNOWN if entry["content"] == "[UNK]" else _CONTROL
    writer.add_token_type_count(config["type_vocab_size"])
    writer.add_tokenizer_model("bert")
    writer.add_tokenizer_pre("jina-v2-en")
    writer.add_token_list(tokens)
    writer.add_token_types(types)
    for name in ("unk", "sep", "pad", "cls", "mask"):
        if (special := f"[{name.upper()}]") not in ids:
            continue
        add = writer.add_bos_token_id if name == "cls" else getattr(writer, f"add_{name}_token_id")
        add(ids[special])


def _marked(token: str) -> str:
    if token.startswith("##"):
        return token[2:]
    return token if token.startswith("[") and token.endswith("]") else f"\u2581{token}"
