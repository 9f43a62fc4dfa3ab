"""Build BERT's WordPiece and XLM-R's Unigram tokenizers of a GGUF file's vocabulary.

A WordPiece vocabulary marks the beginning of a word (`▁cat`) instead of its continuation (`##s`).
Source: ggml-org/llama.cpp, conversion/bert.py, and Ollama's convert_bert.go (read 2026-11).
"""

import binascii
from base64 import b64decode
from typing import Any

from simile.checkpoints.gguf.reader import StringArray
from simile.checkpoints.gguf.vocabulary import Vocabulary, texts_of
from simile.errors import CheckpointError, UnsupportedModelError

_WORD_START = "▁"


def word_piece(vocabulary: Vocabulary) -> Any:
    """Build BERT's tokenizer.

    Where the file does not say, texts are lower-cased and lose their accents, as in llama.cpp:
    files of cased models from before the converter wrote the key cannot be told from others.
    """
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

    keys = vocabulary.keys
    normal = set(vocabulary.normal())
    if vocabulary.unknown is None:
        raise CheckpointError(f"{keys.where}: unknown_token_id is missing")
    ids = {
        _continued(piece) if number in normal else piece: number
        for number, piece in enumerate(vocabulary.pieces)
    }
    # Ids that files without token types leave unmarked: found whole, as those that are marked.
    unknown = vocabulary.pieces[vocabulary.unknown]
    ids.setdefault(unknown, vocabulary.unknown)
    lowercase = keys.flag("normalizer.lowercase", True)
    fast = Tokenizer(models.WordPiece(ids, unk_token=unknown, max_input_chars_per_word=100))
    fast.normalizer = normalizers.BertNormalizer(
        clean_text=True,
        handle_chinese_chars=True,
        strip_accents=keys.flag("normalizer.strip_accents", lowercase),
        lowercase=lowercase,
    )
    fast.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return fast


def _continued(piece: str) -> str:
    """Mark as WordPiece does: the continuation of a word, not its beginning."""
    if piece.startswith(_WORD_START) and len(piece) > 1:
        return piece[1:]
    return f"##{piece}"


def unigram(vocabulary: Vocabulary) -> Any:
    """Build XLM-R's tokenizer: a unigram model with the normalization of its training.

    Every word begins with a blank, and blanks are never more than one, whatever
    remove_extra_whitespaces says: the converter writes another setting's value there.
    """
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

    keys = vocabulary.keys
    if not keys.flag("add_space_prefix", True):
        raise UnsupportedModelError(f"{keys.where}: add_space_prefix false is not built here")
    scored = list(zip(vocabulary.pieces, vocabulary.scores(), strict=True))
    fast = Tokenizer(models.Unigram(scored, vocabulary.unknown, byte_fallback=False))
    if charsmap := _charsmap(vocabulary):
        fast.normalizer = normalizers.Precompiled(charsmap)
    fast.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace(prepend_scheme="always")]
    )
    return fast


def _charsmap(vocabulary: Vocabulary) -> bytes:
    """Read the normalization: bytes, or as Ollama has it their base64, a letter per entry."""
    found = vocabulary.keys.values.get("precompiled_charsmap")
    if found is None:
        return b""
    if hasattr(found, "tobytes") and found.itemsize == 1:
        return bytes(found.tobytes())
    try:
        letters = "".join(texts_of(vocabulary.keys, "precompiled_charsmap"))
        return b64decode(letters if isinstance(found, StringArray) else str(found), validate=True)
    except (binascii.Error, ValueError) as exc:
        raise CheckpointError(f"{vocabulary.keys.where}: precompiled_charsmap: {exc}") from exc
