"""Turn a model folder's tokenizer files into a tokenizer of the tokenizers library.

Truncation and padding that are baked into the files are switched off: windows and batches are ours.
Where the files name a class of tokenizer, its own normalizer and splitting win over those of
tokenizer.json, as in transformers 5 (tokenization_utils_tokenizers.py, read 2026-11).
"""

import base64
import json
from pathlib import Path
from typing import Any

from simile.checkpoints.json_file import find_json
from simile.errors import CheckpointError

_MAX_BYTES = 2**28
_MAX_GROWTH = 64
_MAX_NORMALIZERS = 64
_WORD_PIECES = ("BertTokenizer", "DistilBertTokenizer", "MPNetTokenizer")
_UNIGRAMS = ("XLMRobertaTokenizer", "CamembertTokenizer")
_BYTE_PAIRS = ("RobertaTokenizer",)
_FILE_ONLY = ("modernbert",)
"""Kinds of models for which transformers passes over the class that is named."""
_DEFAULT_CLASSES = {
    "camembert": "CamembertTokenizer",
    "gte": "XLMRobertaTokenizer",
    "roberta": "RobertaTokenizer",
    "xlm-roberta": "XLMRobertaTokenizer",
}
"""By kind of model, where no class is named; BERT's else."""


def read_tokenizer(folder: Path) -> Any:
    """Load tokenizer.json or vocab.txt. Raises CheckpointError if neither can be used."""
    from tokenizers import Tokenizer as FastTokenizer

    config = _read_config(folder / "tokenizer_config.json")
    path = next((f for f in (folder / "tokenizer.json", folder / "vocab.txt") if f.is_file()), None)
    if path is None:
        raise CheckpointError(f"{folder} has neither tokenizer.json nor vocab.txt")
    if (size := path.stat().st_size) > _MAX_BYTES:
        raise CheckpointError(f"{path} has {size:,} bytes; at most {_MAX_BYTES:,} are read")
    try:
        fast = FastTokenizer.from_file(str(path)) if path.suffix == ".json" else _word_piece(path)
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as exc:  # It raises bare Exception, and panics as BaseException.
        said = " ".join(str(exc).split())[:200]
        raise CheckpointError(f"{path} is not a tokenizer that can be read: {said}") from exc
    _refuse_growth(path, fast.normalizer)
    kind = _read_config(folder / "config.json").get("model_type")
    if kind not in _FILE_ONLY:
        default = _DEFAULT_CLASSES.get(str(kind), _WORD_PIECES[0])
        _follow_class(fast, str(config.get("tokenizer_class") or default), config)
    fast.no_truncation()
    fast.no_padding()
    return fast


def _refuse_growth(path: Path, normalizer: Any) -> None:
    """Raise CheckpointError for normalizers that may make a text many times longer."""
    if normalizer is None:
        return
    stored = json.loads(normalizer.__getstate__())
    parts = stored.get("normalizers", [stored])
    growth = 1.0
    for part in parts:
        if isinstance(part, dict) and part.get("type") == "Replace":
            pattern = part.get("pattern", {})
            shortest = len(str(pattern.get("String", ""))) or 1
            growth *= max(1.0, len(str(part.get("content", ""))) / shortest)
        elif isinstance(part, dict) and part.get("type") in ("Prepend", "Append"):
            growth += len(str(part.get("prepend") or part.get("append") or "")) / _MAX_GROWTH
    if growth > _MAX_GROWTH or len(parts) > _MAX_NORMALIZERS:
        raise CheckpointError(
            f"{path}: its {len(parts)} normalizers make a text up to {growth:.3g} times longer; "
            f"expected at most {_MAX_NORMALIZERS}, and {_MAX_GROWTH} times"
        )


def _read_config(path: Path) -> dict[str, Any]:
    config = find_json(path)
    return config if isinstance(config, dict) else {}


def _follow_class(fast: Any, name: str, config: dict[str, Any]) -> None:
    """Normalize and split as the class does, told by tokenizer_config.json."""
    from tokenizers import pre_tokenizers

    match name.removesuffix("Fast"), type(fast.model).__name__:
        case known, "WordPiece" if known in _WORD_PIECES:
            fast.normalizer = _bert_normalizer(config)
        case known, "BPE" if known in _BYTE_PAIRS:
            fast.normalizer = None
            blank = bool(config.get("add_prefix_space", False))
            fast.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=blank)
        case known, "Unigram" if known in _UNIGRAMS:
            fast.normalizer = _precompiled(fast.normalizer)
            scheme = "always" if config.get("add_prefix_space", True) else "never"
            fast.pre_tokenizer = pre_tokenizers.Sequence(
                [
                    pre_tokenizers.WhitespaceSplit(),
                    pre_tokenizers.Metaspace(prepend_scheme=scheme),
                ]
            )


def _precompiled(normalizer: Any) -> Any:
    """Return SentencePiece's table of characters alone, or None if there is none."""
    from tokenizers import normalizers

    if normalizer is None:
        return None
    stored = json.loads(normalizer.__getstate__())
    for part in stored.get("normalizers", [stored]):
        if part.get("type") == "Precompiled":
            return normalizers.Precompiled(base64.b64decode(part["precompiled_charsmap"]))
    return None


def _word_piece(vocab: Path) -> Any:
    from tokenizers import BertWordPieceTokenizer

    return BertWordPieceTokenizer(str(vocab))._tokenizer


def _bert_normalizer(config: dict[str, Any]) -> Any:
    """Normalize as tokenizer_config.json says: it wins over tokenizer.json for BERT's class."""
    from tokenizers import normalizers

    return normalizers.BertNormalizer(
        clean_text=True,
        handle_chinese_chars=bool(config.get("tokenize_chinese_chars", True)),
        strip_accents=config.get("strip_accents"),
        lowercase=bool(config.get("do_lower_case", True)),
    )
