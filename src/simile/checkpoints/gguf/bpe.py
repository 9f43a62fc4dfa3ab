"""Build the byte-pair tokenizers of a GGUF file's vocabulary: GPT-2's kin, and SentencePiece's.

Texts are first cut by a pattern that `tokenizer.ggml.pre` names; the file has the name alone. The
patterns are those of the models' own tokenizer.json. Sennrich et al. 2016,
https://arxiv.org/abs/1508.07909. Source: ggml-org/llama.cpp, src/llama-vocab.cpp and
conversion/base.py (read 2026-11).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from simile.checkpoints.gguf.vocabulary import BYTE, Vocabulary, texts_of
from simile.errors import CheckpointError, UnsupportedModelError

_ENDINGS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
_GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
_MARKS_AND_BLANKS = r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
_QWEN2 = rf"{_ENDINGS}|[^\r\n\p{{L}}\p{{N}}]?\p{{L}}+|\p{{N}}|{_MARKS_AND_BLANKS}"
_LLAMA3 = rf"{_ENDINGS}|[^\r\n\p{{L}}\p{{N}}]?\p{{L}}+|\p{{N}}{{1,3}}|{_MARKS_AND_BLANKS}"
_UPPER, _LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
_GPT4O = (
    rf"[^\r\n\p{{L}}\p{{N}}]?{_UPPER}*{_LOWER}+{_ENDINGS}?"
    rf"|[^\r\n\p{{L}}\p{{N}}]?{_UPPER}+{_LOWER}*{_ENDINGS}?"
    r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
_MAX_PIECE = 256
"""Characters; SentencePiece makes none longer than 16 unless told to."""
_DEFAULT = (r"[\p{P}\$\+<=>\^~\|]+", _GPT2, r"\p{N}+", r"[0-9][0-9][0-9]")


@dataclass(frozen=True)
class _Cut:
    patterns: tuple[str, ...]
    """Applied one after the other, each to the parts that those before it left."""
    composed: bool = False
    """Whether texts are first brought into Unicode's normal form C."""
    whole_words: bool = False
    """Whether a word that is a token is not built of its parts."""


_CUTS: Mapping[str, _Cut] = {
    **dict.fromkeys(("gpt-2", "phi-2", "jina-es", "jina-de", "jina-v2-es"), _Cut((_GPT2,))),
    **dict.fromkeys(("jina-v2-de", "jina-v1-en", "jina-v2-code", "roberta-bpe"), _Cut((_GPT2,))),
    **dict.fromkeys(("modern-bert", "olmo"), _Cut((_GPT2,), composed=True)),
    **dict.fromkeys(("qwen2", "deepseek-r1-qwen"), _Cut((_QWEN2,), composed=True)),
    **dict.fromkeys(("llama-bpe", "llama3", "llama-v3"), _Cut((_LLAMA3,), whole_words=True)),
    **dict.fromkeys(("starcoder", "refact", "smollm"), _Cut((r"\p{N}", _GPT2))),
    "gpt-4o": _Cut((_GPT4O,)),
    "granite-embed-multi-97m": _Cut((_GPT4O,), whole_words=True),
    "default": _Cut(_DEFAULT),
}


def byte_level(vocabulary: Vocabulary) -> Any:
    """Build a tokenizer of bytes. Raises UnsupportedModelError for an unknown pattern."""
    from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers

    keys = vocabulary.keys
    name = keys.text("pre", "default")
    if name not in _CUTS:
        raise UnsupportedModelError(
            f"{keys.where}: pre {name!r} is not built here; expected one of {', '.join(_CUTS)}"
        )
    cut = _CUTS[name]
    model = models.BPE(
        vocabulary.ids, _given_merges(vocabulary), ignore_merges=cut.whole_words, fuse_unk=False
    )
    fast = Tokenizer(model)
    if cut.composed:
        fast.normalizer = normalizers.NFC()
    splits = [pre_tokenizers.Split(Regex(pattern), "isolated") for pattern in cut.patterns]
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    fast.pre_tokenizer = pre_tokenizers.Sequence([*splits, byte_level])
    return fast


def sentence_piece(vocabulary: Vocabulary) -> Any:
    """Build SentencePiece's BPE, as Gemma's: blanks are `▁`, unknown characters are bytes."""
    from tokenizers import Tokenizer, models, normalizers

    unknown = None if vocabulary.unknown is None else vocabulary.pieces[vocabulary.unknown]
    model = models.BPE(
        vocabulary.ids,
        _scored_merges(vocabulary),
        unk_token=unknown,
        fuse_unk=True,
        byte_fallback=True,
    )
    fast = Tokenizer(model)
    blanks = normalizers.Replace(" ", "▁")
    starts = vocabulary.keys.flag("add_space_prefix", True)
    fast.normalizer = normalizers.Sequence(
        [normalizers.Prepend("▁"), blanks] if starts else [blanks]
    )
    return fast


def _given_merges(vocabulary: Vocabulary) -> list[tuple[str, str]]:
    """Read the merges, of which those that make no token are left out."""
    given = texts_of(vocabulary.keys, "merges")
    if not given:
        raise CheckpointError(f"{vocabulary.keys.where}: merges are missing")
    ids, merges = vocabulary.ids, []
    for line in given:
        left, _, right = line.partition(" ") if line[:1] != " " else ("", "", "")
        if left in ids and right in ids and left + right in ids:
            merges.append((left, right))
    return merges


def _scored_merges(vocabulary: Vocabulary) -> list[tuple[str, str]]:
    """Rank every way to make a token of two others by the token's score, the highest first.

    SentencePiece merges the pair whose token has the highest score: Kudo & Richardson 2018,
    https://arxiv.org/abs/1808.06226.
    """
    scores, pieces, kinds = vocabulary.scores(), vocabulary.pieces, vocabulary.kinds
    ids = {pieces[number]: number for number in vocabulary.normal() if kinds[number] != BYTE}
    ranked = []
    for piece, number in ids.items():
        for cut in range(1, len(piece) if len(piece) <= _MAX_PIECE else 0):
            if (left := ids.get(piece[:cut])) is None:
                continue
            if (right := ids.get(piece[cut:])) is not None:
                ranked.append((-scores[number], left, right))
    return [(pieces[left], pieces[right]) for _, left, right in sorted(ranked)]
