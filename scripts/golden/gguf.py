"""Turn random weights into small GGUF files, and into llama.cpp's tokens and vectors for them.

Needs `pip install gguf llama-cpp-python`. Tensors have the names and shapes that llama.cpp's loader
expects; metadata is as its converter writes it. Texts that llama.cpp tokenizes differently from the
original models (words of over 100 characters, composed letters) are left out.

`make` regenerates tests/golden/gguf-bert, gguf-gemma and gguf-qwen3: model.gguf and expected.json.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import gguf
import numpy as np
from gguf import GGMLQuantizationType as Kind
from gguf import GGUFWriter, TokenType
from llama_cpp import Llama
from numpy.typing import NDArray
from scripts.golden.common import GOLDEN, TEXTS, WORDS, vocabulary, write_expected
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

LEFT_OUT = ("zzzz", "e\u0301", "[SEP]")
Shapes = Mapping[str, tuple[int, ...]]


def draw(writer: GGUFWriter, shapes: Shapes, seed: int, kind: Kind) -> None:
    """Draw the tensors in order of name; store matrices as `kind`, the rest as F32."""
    numbers = np.random.default_rng(seed)
    for name, shape in sorted(shapes.items()):
        if len(shape) == 1:
            gain = 1.0 if name.endswith("norm.weight") else 0.0
            values: NDArray[np.float32] = numbers.normal(gain, 0.15, shape).astype(np.float32)
        else:
            scale = 4.0 if name.startswith("token_embd") else 1.0
            values = numbers.normal(0, scale / np.sqrt(shape[1]), shape).astype(np.float32)
        stored = kind if len(shape) == 2 and "position" not in name and "types" not in name else 0
        writer.add_tensor(name, gguf.quantize(values, Kind(stored)), raw_dtype=Kind(stored))


def bert(writer: GGUFWriter) -> None:
    """Two layers, mean pooling, a cased WordPiece vocabulary, F16."""
    width, inner, places = 64, 96, 64
    pieces = vocabulary()
    writer.add_block_count(2)
    writer.add_context_length(places)
    writer.add_embedding_length(width)
    writer.add_feed_forward_length(inner)
    writer.add_head_count(4)
    writer.add_layer_norm_eps(1e-12)
    writer.add_causal_attention(False)
    writer.add_pooling_type(gguf.PoolingType.MEAN)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)
    control = [piece.startswith("[") and piece.endswith("]") for piece in pieces]
    writer.add_tokenizer_model("bert")
    writer.add_tokenizer_pre("jina-v2-en")
    marked = (p[2:] if p.startswith("##") else f"▁{p}" for p in pieces)
    names = [p if c else m for p, m, c in zip(pieces, marked, control, strict=True)]
    writer.add_token_list(names)
    writer.add_token_types([TokenType.CONTROL if c else TokenType.NORMAL for c in control])
    writer.add_token_type_count(2)
    writer.add_bool("tokenizer.ggml.normalizer.lowercase", False)
    for name in ("unk", "sep", "pad", "cls", "mask"):
        add = writer.add_bos_token_id if name == "cls" else getattr(writer, f"add_{name}_token_id")
        add(pieces.index(f"[{name.upper()}]"))
    shapes: dict[str, tuple[int, ...]] = {
        "token_embd.weight": (len(pieces), width),
        "position_embd.weight": (places, width),
        "token_types.weight": (2, width),
    }
    norms = ["token_embd_norm"]
    for layer in ("blk.0", "blk.1"):
        for part in ("attn_q", "attn_k", "attn_v", "attn_output"):
            shapes |= {f"{layer}.{part}.weight": (width, width), f"{layer}.{part}.bias": (width,)}
        shapes |= {f"{layer}.ffn_up.weight": (inner, width), f"{layer}.ffn_up.bias": (inner,)}
        shapes |= {f"{layer}.ffn_down.weight": (width, inner), f"{layer}.ffn_down.bias": (width,)}
        norms += [f"{layer}.attn_output_norm", f"{layer}.layer_output_norm"]
    for norm in norms:
        shapes |= {f"{norm}.weight": (width,), f"{norm}.bias": (width,)}
    draw(writer, shapes, 11, Kind.F16)


def qwen3(writer: GGUFWriter) -> None:
    """Three layers, last token, shared keys, byte-level BPE, Q8_0."""
    width, heads, shared, size = 32, 4, 2, 32
    fast = Tokenizer(models.BPE())
    fast.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    specials = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    trainer = trainers.BpeTrainer(
        vocab_size=420, special_tokens=specials, initial_alphabet=sorted(alphabet)
    )
    fast.train_from_iterator([WORDS, f" {WORDS}"], trainer)
    told = json.loads(fast.to_str())["model"]
    pieces = sorted(told["vocab"], key=told["vocab"].get)
    decoder_facts(writer, width, heads, shared, size, layers=3)
    writer.add_rope_freq_base(1_000_000.0)
    writer.add_pooling_type(gguf.PoolingType.LAST)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q8_0)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list(pieces)
    writer.add_token_types(
        [TokenType.CONTROL if piece in specials else TokenType.NORMAL for piece in pieces]
    )
    writer.add_token_merges([" ".join(pair) for pair in told["merges"]])
    writer.add_eos_token_id(0)
    writer.add_pad_token_id(0)
    writer.add_add_bos_token(False)
    writer.add_add_eos_token(True)
    norms = ("attn_norm", "ffn_norm")
    shapes = decoder_shapes(len(pieces), width, heads * size, shared * size, size, 3, norms)
    draw(writer, shapes, 12, Kind.Q8_0)


def gemma(writer: GGUFWriter) -> None:
    """Seven layers, one of them global, two Dense modules, SentencePiece's BPE, F16."""
    width, size = 24, 16
    pieces, scores, kinds = sentence_pieces()
    decoder_facts(writer, width, 3, 1, size, layers=7)
    writer.add_rope_freq_base(1_000_000.0)
    writer.add_sliding_window(12)
    writer.add_dense_features_dims("dense_2", width, 40)
    writer.add_dense_features_dims("dense_3", 40, width)
    writer.add_pooling_type(gguf.PoolingType.MEAN)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)
    writer.add_tokenizer_model("llama")
    writer.add_tokenizer_pre("default")
    writer.add_token_list(pieces)
    writer.add_token_scores(scores)
    writer.add_token_types(kinds)
    for name, number in (("pad", 0), ("eos", 1), ("bos", 2), ("unk", 3)):
        getattr(writer, f"add_{name}_token_id")(number)
    writer.add_add_bos_token(True)
    writer.add_add_eos_token(True)
    writer.add_add_space_prefix(False)
    norms = ("attn_norm", "post_attention_norm", "ffn_norm", "post_ffw_norm")
    shapes = decoder_shapes(len(pieces), width, 3 * size, size, size, 7, norms)
    shapes |= {"dense_2.weight": (40, width), "dense_3.weight": (width, 40)}
    draw(writer, shapes, 13, Kind.F16)


def sentence_pieces() -> tuple[list[str], list[float], list[TokenType]]:
    """Return specials, bytes, characters and the beginnings of words, which merge step by step."""
    merged = [word[:end] for word in WORDS.split()[:60] for end in range(2, len(word) + 1)]
    spaced = [f"▁{word[:end]}" for word in WORDS.split()[:60] for end in range(1, len(word) + 1)]
    normal = list(dict.fromkeys([*merged, *spaced, *sorted(set(WORDS) - {" "}), "▁"]))
    specials = ["<pad>", "<eos>", "<bos>", "<unk>"]
    pieces = [*specials, "\n\n", *(f"<0x{byte:02X}>" for byte in range(256)), *normal]
    control, unknown = [TokenType.CONTROL] * 3, [TokenType.UNKNOWN]
    kinds = [*control, *unknown, TokenType.USER_DEFINED, *[TokenType.BYTE] * 256]
    kinds += [TokenType.NORMAL] * len(normal)
    scores = [0.0] * (len(pieces) - len(normal)) + [-float(rank) for rank in range(len(normal))]
    return pieces, scores, kinds


def decoder_facts(
    writer: GGUFWriter, width: int, heads: int, shared: int, size: int, *, layers: int
) -> None:
    writer.add_block_count(layers)
    writer.add_context_length(128)
    writer.add_embedding_length(width)
    writer.add_feed_forward_length(64)
    writer.add_head_count(heads)
    writer.add_head_count_kv(shared)
    writer.add_key_length(size)
    writer.add_value_length(size)
    writer.add_layer_norm_rms_eps(1e-6)


def decoder_shapes(
    vocab: int, width: int, queries: int, keys: int, size: int, layers: int, norms: Sequence[str]
) -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {
        "token_embd.weight": (vocab, width),
        "output_norm.weight": (width,),
    }
    for layer in (f"blk.{number}" for number in range(layers)):
        matrices = {
            "attn_q": (queries, width),
            "attn_k": (keys, width),
            "attn_v": (keys, width),
            "attn_output": (width, queries),
            "ffn_gate": (64, width),
            "ffn_up": (64, width),
            "ffn_down": (width, 64),
        }
        shapes |= {f"{layer}.{name}.weight": shape for name, shape in matrices.items()}
        shapes |= {f"{layer}.attn_{part}_norm.weight": (size,) for part in "qk"}
        shapes |= {f"{layer}.{norm}.weight": (width,) for norm in norms}
    return shapes


def expect(path: Path) -> dict[str, Any]:
    """Compute llama.cpp's tokens and vectors."""
    model = Llama(
        str(path), embedding=True, n_ctx=128, n_batch=128, n_ubatch=128, n_threads=1, verbose=False
    )
    cases = []
    for text in TEXTS:
        ids = model.tokenize(text.encode(), add_bos=True, special=True)
        if any(part in text for part in LEFT_OUT) or len(ids) > 60:
            continue
        vector = model.embed(text, normalize=True)
        cases.append({"text": text, "ids": ids, "vector": [float(f"{x:.7g}") for x in vector]})
    return {"made_with": {n: version(n) for n in ("llama_cpp_python", "gguf")}, "cases": cases}


RECIPES: Mapping[str, tuple[str, Callable[[GGUFWriter], None]]] = {
    "gguf-bert": ("bert", bert),
    "gguf-gemma": ("gemma-embedding", gemma),
    "gguf-qwen3": ("qwen3", qwen3),
}


def make() -> None:
    """Regenerate the folders."""
    for name, (architecture, fill) in RECIPES.items():
        folder = GOLDEN / name
        folder.mkdir(parents=True, exist_ok=True)
        writer = GGUFWriter(str(folder / "model.gguf"), architecture)
        fill(writer)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        expected = expect(folder / "model.gguf")
        write_expected(folder, expected)
        vectors = np.array([case["vector"] for case in expected["cases"]])
        spread = np.median((vectors @ vectors.T)[np.triu_indices(len(vectors), 1)])
        size = (folder / "model.gguf").stat().st_size
        print(f"{name}: {len(vectors)} texts, {size:,} bytes, median cosine {spread:.2f}")
