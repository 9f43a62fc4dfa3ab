"""Turn a model folder's tokenizer files into a tokenizer of the tokenizers library.

Truncation and padding that are baked into the files are switched off: windows and batches are ours.
"""

import json
from pathlib import Path
from typing import Any

from simile.errors import CheckpointError

_BERT = ("BertTokenizer", "BertTokenizerFast")


def read_tokenizer(folder: Path) -> Any:
    """Load tokenizer.json or vocab.txt; CheckpointError where neither can be used."""
    from tokenizers import Tokenizer as FastTokenizer

    config = _tokenizer_config(folder)
    path = next((f for f in (folder / "tokenizer.json", folder / "vocab.txt") if f.is_file()), None)
    if path is None:
        raise CheckpointError(f"{folder} has neither tokenizer.json nor vocab.txt")
    try:
        fast = FastTokenizer.from_file(str(path)) if path.suffix == ".json" else _word_piece(path)
    except Exception as exc:  # The library raises bare Exception for a file it cannot parse.
        raise CheckpointError(f"{path} is not a tokenizer that can be read: {exc}") from exc
    is_bert = config.get("tokenizer_class", _BERT[0]) in _BERT
    if is_bert and type(fast.model).__name__ == "WordPiece":
        fast.normalizer = _bert_normalizer(config)
    fast.no_truncation()
    fast.no_padding()
    return fast


def _tokenizer_config(folder: Path) -> dict[str, Any]:
    try:
        config = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as exc:
        raise CheckpointError(f"{folder / 'tokenizer_config.json'} is not readable JSON") from exc
    return config if isinstance(config, dict) else {}


def _word_piece(vocab: Path) -> Any:
    from tokenizers import BertWordPieceTokenizer

    return BertWordPieceTokenizer(str(vocab))._tokenizer


def _bert_normalizer(config: dict[str, Any]) -> Any:
    """Normalise as tokenizer_config.json says: it wins over tokenizer.json for BERT's class."""
    from tokenizers import normalizers

    return normalizers.BertNormalizer(
        clean_text=True,
        handle_chinese_chars=bool(config.get("tokenize_chinese_chars", True)),
        strip_accents=config.get("strip_accents"),
        lowercase=bool(config.get("do_lower_case", True)),
    )
