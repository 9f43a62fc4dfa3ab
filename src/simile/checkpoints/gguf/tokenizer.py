"""Turn the vocabulary in a GGUF file into a tokenizer of the tokenizers library.

Gives the tokens of the model that the file was made of: where llama.cpp's own tokenizers differ
from it (words of over 100 characters, Unicode's composed forms) they are not followed. Knows no
tensors. Source: ggml-org/llama.cpp, conversion/base.py, conversion/bert.py and src/llama-vocab.cpp
(read 2026-11).
"""

from collections.abc import Callable, Mapping
from typing import Any

from simile.checkpoints.configuration import Configuration
from simile.checkpoints.gguf import bpe as gguf_bpe
from simile.checkpoints.gguf import pieces as gguf_pieces
from simile.checkpoints.gguf.vocabulary import (
    CONTROL,
    UNKNOWN,
    USER_DEFINED,
    Vocabulary,
    read_vocabulary,
)
from simile.errors import CheckpointError, UnsupportedModelError

_DEFAULT_IDS: Mapping[str, Mapping[str, int]] = {
    "bert": {"bos": 101, "eos": 102, "unknown": 100},
    "llama": {"bos": 1, "eos": 2, "unknown": 0},
    "t5": {"eos": 1, "unknown": 2},
    "gpt2": {},
}
"""llama.cpp's defaults, for files that name none."""
_KEYS: Mapping[str, tuple[str, ...]] = {
    "bos": ("cls_token_id", "bos_token_id"),
    "eos": ("seperator_token_id", "separator_token_id", "eos_token_id"),
    "unknown": ("unknown_token_id",),
}
"""The keys of the special ids. All writers misspell the separator's."""


def build_tokenizer(
    where: str, values: Mapping[str, Any], *, begins: bool = False, ends: bool = False
) -> Any:
    """Build it. Raises CheckpointError or UnsupportedModelError.

    begins, ends: whether texts begin and end with a special token where the file does not say.
    """
    own = {name.removeprefix("tokenizer.ggml."): value for name, value in values.items()}
    keys = Configuration(own, f"{where}: tokenizer.ggml")
    kind = own.get("model")
    if not isinstance(kind, str) or kind not in _MAKERS:
        raise UnsupportedModelError(
            f"{keys.where}: model {kind!r} is not built here; expected one of {', '.join(_MAKERS)}"
        )
    ids = {name: _read_id(keys, kind, name) for name in _KEYS}
    vocabulary = read_vocabulary(keys, ids["unknown"])
    try:
        fast = _MAKERS[kind](vocabulary)
        fast.add_special_tokens(_added(vocabulary, (UNKNOWN, CONTROL), special=True))
        fast.add_tokens(_added(vocabulary, (USER_DEFINED,), special=False))
        _surround(fast, vocabulary, kind, ids, {"bos": begins or kind == "llama", "eos": ends})
    except (CheckpointError, UnsupportedModelError):
        raise
    except Exception as exc:  # The library raises bare Exception for what it cannot build.
        raise CheckpointError(f"{keys.where}: no tokenizer can be built of it: {exc}") from exc
    return fast


def _read_id(keys: Configuration, kind: str, name: str) -> int | None:
    said = next((key for key in _KEYS[name] if keys.values.get(key) is not None), None)
    return _DEFAULT_IDS[kind].get(name) if said is None else keys.count(said)


def _added(vocabulary: Vocabulary, kinds: tuple[int, ...], *, special: bool) -> list[Any]:
    from tokenizers import AddedToken

    return [
        AddedToken(piece, normalized=False, special=special)
        for number, piece in enumerate(vocabulary.pieces)
        if vocabulary.kinds[number] in kinds
    ]


def _surround(
    fast: Any,
    vocabulary: Vocabulary,
    kind: str,
    ids: Mapping[str, int | None],
    defaults: Mapping[str, bool],
) -> None:
    """Put the special tokens around each text; the ids are checked only where they are used."""
    from tokenizers.processors import TemplateProcessing

    keys, count = vocabulary.keys, len(vocabulary.pieces)
    always = kind == "bert"
    asked = {name: always or keys.flag(f"add_{name}_token", defaults[name]) for name in defaults}
    used = {name: ids[name] for name, is_asked in asked.items() if is_asked}
    for name, number in used.items():
        if number is None or number >= count:
            raise CheckpointError(
                f"{keys.where}: the id of the {name} token is {number}; expected one below {count}"
            )
    first, last = (["BOS"] if asked["bos"] else []), (["EOS"] if asked["eos"] else [])
    is_roberta = kind == "t5" or keys.values.get("pre") == "roberta-bpe"
    between = last * 2 if is_roberta else last
    fast.post_processor = TemplateProcessing(
        single=[*first, "$A", *last],
        pair=[*first, "$A", *between, "$B:1", *(f"{name}:1" for name in last)],
        special_tokens=[
            {"id": name.upper(), "ids": [number], "tokens": [vocabulary.pieces[number or 0]]}
            for name, number in used.items()
        ],
    )


_MAKERS: Mapping[str, Callable[[Vocabulary], Any]] = {
    "bert": gguf_pieces.word_piece,
    "t5": gguf_pieces.unigram,
    "gpt2": gguf_bpe.byte_level,
    "llama": gguf_bpe.sentence_piece,
}
