"""Turn the metadata of each architecture in GGUF files into the keys of config.json that it has.

By llama.cpp's name of the architecture. Source: ggml-org/llama.cpp, src/models/*.cpp and
conversion/*.py (read 2026-11); defaults are those of its loader. For `gemma3`: Ollama's
convert_gemma3.go.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from simile.checkpoints.configuration import Configuration
from simile.checkpoints.gguf import names as gguf_names
from simile.checkpoints.gguf.names import GgufNames
from simile.checkpoints.tensors import StoredTensor

_LOCAL, _GLOBAL = "sliding_attention", "full_attention"


@dataclass(frozen=True)
class Family:
    """The peculiarities of one architecture."""

    names: GgufNames
    config: Callable[[Configuration, Mapping[str, StoredTensor]], dict[str, Any]]
    causal: bool = False
    head: str = ""
    """The class of transformers whose head the tensors of a reranker are."""


def _bert(keys: Configuration, tensors: Mapping[str, StoredTensor]) -> dict[str, Any]:
    """BERT, and RoBERTa whose positions the converter has made to begin with 0."""
    return {
        "model_type": "bert",
        "hidden_act": "gelu",
        "layer_norm_eps": keys.number("attention.layer_norm_epsilon"),
        "type_vocab_size": max(1, _type_count(tensors)),
    }


def _nomic_bert(keys: Configuration, tensors: Mapping[str, StoredTensor]) -> dict[str, Any]:
    return {
        "model_type": "nomic_bert",
        "hidden_act": "silu",
        "layer_norm_eps": keys.number("attention.layer_norm_epsilon"),
        "type_vocab_size": _type_count(tensors),
        "rope_parameters": _rope(keys, keys.number("rope.freq_base", 10_000.0)),
    }


def _modern_bert(keys: Configuration, tensors: Mapping[str, StoredTensor]) -> dict[str, Any]:
    window = keys.count("attention.sliding_window", 0)
    bases = {
        _GLOBAL: _rope(keys, keys.number("rope.freq_base", 10_000.0)),
        _LOCAL: _rope(keys, keys.number("rope.freq_base_swa", 10_000.0)),
    }
    pooling = {1: "mean", 2: "cls"}.get(keys.count("classifier.pooling_type", 1))
    return {
        "model_type": "modernbert",
        "hidden_activation": keys.text("hidden_activation", "gelu"),
        # The converter names it by the first of its keys in config.json, of which there may be one.
        "norm_eps": keys.number(
            "attention.layer_norm_epsilon", keys.number("attention.layer_norm_rms_epsilon", 1e-5)
        ),
        "local_attention": window or 128,
        "layer_types": _layer_types(keys, 3, dense_first=True) if window else None,
        "global_attn_every_n_layers": 1,
        "rope_parameters": bases,
        "classifier_pooling": pooling,
        "classifier_bias": False,
    }


def _qwen3(keys: Configuration, tensors: Mapping[str, StoredTensor]) -> dict[str, Any]:
    base = _rope(keys, keys.number("rope.freq_base", 10_000.0))
    return _grouped(keys) | {
        "model_type": "qwen3",
        "hidden_act": "silu",
        "rope_parameters": base,
        "use_sliding_window": False,
    }


def _gemma(keys: Configuration, tensors: Mapping[str, StoredTensor]) -> dict[str, Any]:
    """EmbeddingGemma; Ollama's own converter calls it gemma3, and its rotary bases otherwise."""
    base = keys.number("rope.freq_base", keys.number("rope.global.freq_base", 1_000_000.0))
    local = keys.number("rope.freq_base_swa", keys.number("rope.local.freq_base", 10_000.0))
    heads = _grouped(keys)
    return heads | {
        "model_type": "gemma3_text",
        "hidden_activation": "gelu_pytorch_tanh",
        "query_pre_attn_scalar": heads["head_dim"],
        "rope_parameters": {_GLOBAL: _rope(keys, base), _LOCAL: {"rope_theta": local}},
        "sliding_window": keys.size("attention.sliding_window", 512),
        "layer_types": _layer_types(keys, 6, dense_first=False),
        "use_bidirectional_attention": True,
    }


def _grouped(keys: Configuration) -> dict[str, Any]:
    heads = keys.size("attention.head_count")
    size = keys.size("attention.key_length", max(1, keys.size("embedding_length") // heads))
    keys.only("attention.value_length", (size,))
    keys.only("rope.dimension_count", (size,))
    return {
        "num_key_value_heads": keys.size("attention.head_count_kv", heads),
        "head_dim": size,
        "rms_norm_eps": keys.number("attention.layer_norm_rms_epsilon"),
    }


def _rope(keys: Configuration, base: float) -> dict[str, Any]:
    """Return the rotary positions; unsupported kinds of scaling are rejected by name later."""
    kind = keys.text("rope.scaling.type", "none")
    if kind == "none":
        return {"rope_theta": base}
    factor = keys.number("rope.scaling.factor", 1.0)
    return {"rope_theta": base, "rope_type": kind, "factor": factor}


def _layer_types(keys: Configuration, every: int, *, dense_first: bool) -> list[str]:
    """Return for each layer whether it sees a window; files say every n-th, or a flag per layer."""
    name, count = "attention.sliding_window_pattern", keys.size("block_count")
    given = keys.values.get(name)
    if isinstance(given, list):
        flags = [bool(flag) for flag in given]
    else:
        every = keys.count(name, every)
        is_global = 0 if dense_first else every - 1
        flags = [every == 0 or number % every != is_global for number in range(min(count, 10_000))]
    return [_LOCAL if flag else _GLOBAL for flag in flags]


def _type_count(tensors: Mapping[str, StoredTensor]) -> int:
    table = tensors.get("token_types.weight")
    if table is None:
        return 0
    return table.shape[0] if len(table.shape) == 2 else 1


_GEMMA = Family(gguf_names.GEMMA, _gemma)
FAMILIES: Mapping[str, Family] = {
    "bert": Family(gguf_names.BERT, _bert, head="XLMRobertaForSequenceClassification"),
    "nomic-bert": Family(gguf_names.NOMIC_BERT, _nomic_bert),
    "modern-bert": Family(
        gguf_names.MODERN_BERT, _modern_bert, head="ModernBertForSequenceClassification"
    ),
    "qwen3": Family(gguf_names.QWEN3, _qwen3, causal=True, head="Qwen3ForSequenceClassification"),
    "gemma-embedding": _GEMMA,
    "gemma3": _GEMMA,
}
