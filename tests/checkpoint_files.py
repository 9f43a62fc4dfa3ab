"""Turn a few sizes into a small random BERT checkpoint on disk, with NumPy alone.

For tests that need some real model at once, or a broken one: change the tensors before they are
written, or the files afterwards (`change_json`). The numbers mean nothing; tests/golden has those.
Layout as sentence-transformers wrote it before 5.4, which most published checkpoints still have.
"""

import json
import string
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer
from tokenizers.models import WordPiece
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer
from tokenizers.processors import TemplateProcessing

Arrays = dict[str, NDArray[Any]]

SPECIALS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
_CHARACTERS = string.ascii_lowercase + string.digits + string.punctuation
_WORDS = "the a of to and is in it cat dog sky blue why grass green text here search tokens"
VOCAB = (*_CHARACTERS, *(f"##{c}" for c in string.ascii_lowercase + string.digits), *_WORDS.split())
"""Pieces after the specials: ASCII never becomes [UNK], and these words are one token each."""

POOLING_KEYS = {
    "cls": "pooling_mode_cls_token",
    "max": "pooling_mode_max_tokens",
    "mean": "pooling_mode_mean_tokens",
    "mean_sqrt_len_tokens": "pooling_mode_mean_sqrt_len_tokens",
    "weightedmean": "pooling_mode_weightedmean_tokens",
    "lasttoken": "pooling_mode_lasttoken",
}
_SCALES = {"query": 1.2, "key": 1.2, "attention": 1.2, "word": 4.0, "embeddings": 0.8, "": 0.7}
"""Standard deviation times sqrt(columns), by the first part found in a matrix's name.

As in scripts/make_golden.py: different texts get clearly different vectors, in bfloat16 too.
"""
_FORMATS = {
    "<f8": "F64",
    "<f4": "F32",
    "<f2": "F16",
    "<i8": "I64",
    "<i4": "I32",
    "|i1": "I8",
    "<u2": "BF16",
}


def write_tiny_bert(
    folder: Path,
    *,
    dim: int = 16,
    layers: int = 2,
    heads: int = 2,
    vocab: Sequence[str] | None = None,
    pooling: str = "mean",
    normalize: bool = True,
    dense: int | None = None,
    max_tokens: int = 32,
    seed: int = 0,
    tensors_changed: Callable[[Arrays], None] | None = None,
) -> Path:
    """Write the checkpoint into folder (made if need be) and return folder.

    vocab lists the pieces after SPECIALS; dense is the output width of a Dense module with Tanh;
    tensors_changed may add to, replace in or delete from the encoder's tensors before they are
    written.
    """
    pieces = [*SPECIALS, *(VOCAB if vocab is None else vocab)]
    numbers = np.random.default_rng(seed)
    sizes = {
        "vocab_size": len(pieces),
        "hidden_size": dim,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "intermediate_size": 2 * dim,
        "max_position_embeddings": max_tokens,
        "type_vocab_size": 2,
    }
    tensors = _bert_tensors(numbers, sizes)
    if tensors_changed is not None:
        tensors_changed(tensors)
    fixed = {"model_type": "bert", "hidden_act": "gelu", "layer_norm_eps": 1e-12}
    write_json(folder / "config.json", {"architectures": ["BertModel"], **fixed, **sizes})
    write_safetensors(folder / "model.safetensors", tensors)
    _write_tokenizer(folder, pieces, max_tokens)
    modules = ["Transformer", _write_pooling(folder, dim, pooling)]
    if dense is not None:
        modules.append(_write_dense(folder, numbers, dim, dense))
    if normalize:
        modules.append("Normalize")
    _write_modules(folder, modules, max_tokens)
    return folder


def write_safetensors(path: Path, tensors: Mapping[str, NDArray[Any]]) -> None:
    """Write named arrays; uint16 arrays are taken for the bits of bfloat16.

    Format: https://github.com/huggingface/safetensors, header length, JSON header, data.
    """
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    start = 0
    for name, array in tensors.items():
        stop = start + array.nbytes
        entry = {"dtype": _FORMATS[array.dtype.str], "shape": list(array.shape)}
        header[name] = {**entry, "data_offsets": [start, stop]}
        start = stop
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(
        len(text).to_bytes(8, "little") + text + b"".join(a.tobytes() for a in tensors.values())
    )


def write_json(path: Path, content: object) -> None:
    """Write a JSON file, and its folder if need be."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=2), encoding="utf-8")


def change_json(path: Path, **changes: object) -> None:
    """Set keys of a JSON file that exists; None deletes the key."""
    content = {**json.loads(path.read_text(encoding="utf-8")), **changes}
    deleted = {key for key, value in changes.items() if value is None}
    write_json(path, {key: value for key, value in content.items() if key not in deleted})


def _bert_tensors(numbers: np.random.Generator, sizes: Mapping[str, int]) -> Arrays:
    """Draw all tensors of BertModel, named as transformers names them, pooler included."""
    dim, inner = sizes["hidden_size"], sizes["intermediate_size"]
    tables = {"word": "vocab_size", "position": "max_position_embeddings", "token_type": None}
    shapes: dict[str, tuple[int, ...]] = {
        f"embeddings.{name}_embeddings.weight": (sizes[key or "type_vocab_size"], dim)
        for name, key in tables.items()
    }
    shapes |= _norm_shapes("embeddings.LayerNorm", dim)
    for number in range(sizes["num_hidden_layers"]):
        layer = f"encoder.layer.{number}"
        for part in ("self.query", "self.key", "self.value", "output.dense"):
            shapes |= _linear_shapes(f"{layer}.attention.{part}", dim, dim)
        shapes |= _norm_shapes(f"{layer}.attention.output.LayerNorm", dim)
        shapes |= _linear_shapes(f"{layer}.intermediate.dense", dim, inner)
        shapes |= _linear_shapes(f"{layer}.output.dense", inner, dim)
        shapes |= _norm_shapes(f"{layer}.output.LayerNorm", dim)
    shapes |= _linear_shapes("pooler.dense", dim, dim)
    return {name: _draw(numbers, name, shape) for name, shape in shapes.items()}


def _linear_shapes(name: str, width_in: int, width_out: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": (width_out, width_in), f"{name}.bias": (width_out,)}


def _norm_shapes(name: str, dim: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": (dim,), f"{name}.bias": (dim,)}


def _draw(numbers: np.random.Generator, name: str, shape: tuple[int, ...]) -> NDArray[np.float32]:
    if len(shape) == 1:
        middle = 1.0 if name.endswith("LayerNorm.weight") else 0.0
        return numbers.normal(middle, 0.15, shape).astype(np.float32)
    scale = next(scale for part, scale in _SCALES.items() if part in name)
    return numbers.normal(0.0, scale / np.sqrt(shape[1]), shape).astype(np.float32)


def _write_tokenizer(folder: Path, pieces: Sequence[str], max_tokens: int) -> None:
    ids = {piece: number for number, piece in enumerate(pieces)}
    tokenizer = Tokenizer(WordPiece(ids, unk_token="[UNK]"))
    tokenizer.add_special_tokens(list(SPECIALS))
    tokenizer.normalizer = BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = BertPreTokenizer()
    tokenizer.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[(name, ids[name]) for name in ("[CLS]", "[SEP]")],
    )
    tokenizer.save(str(folder / "tokenizer.json"))
    names = {f"{name.strip('[]').lower()}_token": name for name in SPECIALS}
    config = {"tokenizer_class": "BertTokenizer", "do_lower_case": True, **names}
    write_json(folder / "tokenizer_config.json", {**config, "model_max_length": max_tokens})


def _write_pooling(folder: Path, dim: int, pooling: str) -> str:
    modes = {key: name == pooling for name, key in POOLING_KEYS.items()}
    if True not in modes.values():
        raise ValueError(f"pooling {pooling!r}; expected one of {', '.join(POOLING_KEYS)}")
    write_json(folder / "1_Pooling" / "config.json", {"word_embedding_dimension": dim, **modes})
    return "Pooling"


def _write_dense(folder: Path, numbers: np.random.Generator, dim: int, width: int) -> str:
    config = {
        "in_features": dim,
        "out_features": width,
        "bias": True,
        "activation_function": "torch.nn.modules.activation.Tanh",
    }
    write_json(folder / "2_Dense" / "config.json", config)
    shapes = _linear_shapes("linear", dim, width)
    tensors = {name: _draw(numbers, name, shape) for name, shape in shapes.items()}
    write_safetensors(folder / "2_Dense" / "model.safetensors", tensors)
    return "Dense"


def _write_modules(folder: Path, names: Sequence[str], max_tokens: int) -> None:
    modules = [
        {
            "idx": idx,
            "name": str(idx),
            "path": f"{idx}_{name}" if idx else "",
            "type": f"sentence_transformers.models.{name}",
        }
        for idx, name in enumerate(names)
    ]
    write_json(folder / "modules.json", modules)
    sentence_bert = {"max_seq_length": max_tokens, "do_lower_case": False}
    write_json(folder / "sentence_bert_config.json", sentence_bert)
    write_json(folder / "config_sentence_transformers.json", {"__version__": {}})
