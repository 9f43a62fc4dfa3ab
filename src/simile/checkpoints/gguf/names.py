"""Turn the tensor names of GGUF files into those that Hugging Face's checkpoints have.

Tensors that one of the two keeps joined and the other apart are cut or joined, and what the
converter added to a weight is taken off again. Source: ggml-org/llama.cpp, gguf-py/gguf/
tensor_mapping.py and conversion/*.py; for `dense.N`, Ollama's convert_gemma3.go (read 2026-11).
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise

import numpy as np

from simile.checkpoints.tensors import Floats, StoredTensor

_LAYER = re.compile(r"blk\.(\d{1,6})\.(.+)")
_QKV = ("attn_q", "attn_k", "attn_v")
Change = Callable[[Floats], Floats]


@dataclass(frozen=True)
class GgufNames:
    """One family's names without `.weight` and `.bias`; a name that is not here stays as it is."""

    layer: str
    """What stands for `blk.` and the layer's number."""
    top: Mapping[str, str]
    inside: Mapping[str, str]
    """Within a layer. Either `attn_qkv` or its three parts."""
    left_out: tuple[str, ...] = ()
    """The vocabulary's rows for the next token."""
    norm_offset: float = 0.0
    """What the converter added to the gain of each norm."""


BERT = GgufNames(
    layer="encoder.layer.{}",
    top={
        "token_embd": "embeddings.word_embeddings",
        "position_embd": "embeddings.position_embeddings",
        "token_types": "embeddings.token_type_embeddings",
        "token_embd_norm": "embeddings.LayerNorm",
        "cls": "classifier.dense",
        "cls.output": "classifier.out_proj",
    },
    inside={
        "attn_q": "attention.self.query",
        "attn_k": "attention.self.key",
        "attn_v": "attention.self.value",
        "attn_output": "attention.output.dense",
        "attn_output_norm": "attention.output.LayerNorm",
        "ffn_up": "intermediate.dense",
        "ffn_down": "output.dense",
        "layer_output_norm": "output.LayerNorm",
    },
)
NOMIC_BERT = GgufNames(
    layer="encoder.layers.{}",
    top={
        "token_embd": "embeddings.word_embeddings",
        "token_types": "embeddings.token_type_embeddings",
        "token_embd_norm": "emb_ln",
    },
    inside={
        "attn_qkv": "attn.Wqkv",
        "attn_output": "attn.out_proj",
        "attn_output_norm": "norm1",
        "ffn_up": "mlp.fc11",
        "ffn_gate": "mlp.fc12",
        "ffn_down": "mlp.fc2",
        "layer_output_norm": "norm2",
    },
)
MODERN_BERT = GgufNames(
    layer="layers.{}",
    top={
        "token_embd": "embeddings.tok_embeddings",
        "token_embd_norm": "embeddings.norm",
        "output_norm": "final_norm",
        "cls": "head.dense",
        "cls.norm": "head.norm",
        "cls.output": "classifier",
    },
    inside={
        "attn_norm": "attn_norm",
        "attn_qkv": "attn.Wqkv",
        "attn_output": "attn.Wo",
        "ffn_norm": "mlp_norm",
        "ffn_up": "mlp.Wi",
        "ffn_down": "mlp.Wo",
    },
)
_DECODER = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_q_norm": "self_attn.q_norm",
    "attn_k_norm": "self_attn.k_norm",
    "attn_output": "self_attn.o_proj",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
QWEN3 = GgufNames(
    layer="layers.{}",
    top={"token_embd": "embed_tokens", "output_norm": "norm", "cls.output": "score"},
    inside=_DECODER | {"ffn_norm": "post_attention_layernorm"},
    left_out=("output.weight",),
)
GEMMA = GgufNames(
    layer="layers.{}",
    top={
        "token_embd": "embed_tokens",
        "output_norm": "norm",
        "dense_2": "2_Dense/linear",
        "dense_3": "3_Dense/linear",
        "dense.0": "2_Dense/linear",
        "dense.1": "3_Dense/linear",
    },
    inside=_DECODER
    | {
        "post_attention_norm": "post_attention_layernorm",
        "ffn_norm": "pre_feedforward_layernorm",
        "post_ffw_norm": "post_feedforward_layernorm",
    },
    left_out=("output.weight",),
    norm_offset=1.0,
)


def rename(
    names: GgufNames, tensors: Mapping[str, StoredTensor], widths: tuple[int, int, int]
) -> dict[str, StoredTensor]:
    """Return the tensors by their other names; widths are the rows of queries, keys and values."""
    renamed = {}
    for name, tensor in _as_joined(names, tensors, widths).items():
        if name in names.left_out:
            continue
        stem, _, last = name.rpartition(".")
        if names.norm_offset and stem.endswith("norm") and last == "weight":
            tensor = _changed(tensor, tensor.shape, lambda a: a - np.float32(names.norm_offset))
        if stem in ("token_types", "cls.output") and last == "weight" and len(tensor.shape) == 1:
            # The quantizer drops a first dimension of one row.
            tensor = _changed(tensor, (1, *tensor.shape), lambda a: a[None])
        renamed[f"{_other_name(names, stem)}.{last}"] = tensor
    return renamed


def _other_name(names: GgufNames, stem: str) -> str:
    if match := _LAYER.fullmatch(stem):
        number, part = match.groups()
        return (
            f"{names.layer.format(number)}.{names.inside[part]}" if part in names.inside else stem
        )
    return names.top.get(stem, stem)


def _as_joined(
    names: GgufNames, tensors: Mapping[str, StoredTensor], widths: tuple[int, int, int]
) -> dict[str, StoredTensor]:
    """Join or cut queries, keys and values as the family has them."""
    found = dict(tensors)
    for name, tensor in tensors.items():
        match = _LAYER.fullmatch(name)
        if not match:
            continue
        number, part = match.groups()
        stem, _, last = part.rpartition(".")
        parts = [f"blk.{number}.{piece}.{last}" for piece in _QKV]
        if stem == "attn_qkv" and "attn_q" in names.inside and tensor.shape[0] == sum(widths):
            del found[name]
            for piece, (start, stop) in zip(
                parts, pairwise(accumulate(widths, initial=0)), strict=True
            ):
                found[piece] = _rows(tensor, start, stop)
        if stem == "attn_q" and "attn_qkv" in names.inside and all(p in tensors for p in parts):
            found[f"blk.{number}.attn_qkv.{last}"] = _stacked([found.pop(p) for p in parts])
    return found


def _rows(tensor: StoredTensor, start: int, stop: int) -> StoredTensor:
    return _changed(tensor, (stop - start, *tensor.shape[1:]), lambda a: a[start:stop])


def _stacked(tensors: list[StoredTensor]) -> StoredTensor:
    first = tensors[0]
    if len({tensor.shape[1:] for tensor in tensors}) > 1:
        return first
    shape = (sum(tensor.shape[0] for tensor in tensors), *first.shape[1:])
    return replace(
        first, shape=shape, half=None, read=lambda: np.concatenate([t.read() for t in tensors])
    )


def _changed(tensor: StoredTensor, shape: tuple[int, ...], change: Change) -> StoredTensor:
    def read() -> Floats:
        # Numbers that are not finite are the graph's to refuse.
        with np.errstate(invalid="ignore", over="ignore"):
            return change(tensor.read())

    return replace(tensor, shape=shape, half=None, read=read)


def difference_of_rows(tensor: StoredTensor) -> StoredTensor:
    """Return the first of two rows less the second."""
    return _changed(tensor, (1, *tensor.shape[1:]), lambda a: a[:1] - a[1:])
