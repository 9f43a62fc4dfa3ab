"""Vocabularies in GGUF files give the tokens of the models that they were made of."""

from base64 import b64encode
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.gguf_models import word_piece_keys, write_gguf

from simile.checkpoints.gguf.file import read_gguf
from simile.checkpoints.gguf.tokenizer import build_tokenizer
from simile.errors import CheckpointError, UnsupportedModelError

GOLDEN = Path(__file__).parents[2] / "golden"
BYTES = [f"<0x{byte:02X}>" for byte in range(256)]


@pytest.fixture
def build(tmp_path):
    """Write the keys of tokenizer.ggml to a file and build what is in it."""

    def write_and_build(begins: bool = True, ends: bool = True, **changes: Any) -> Any:
        keys = {name.replace("__", "."): value for name, value in changes.items()}
        named = {f"tokenizer.ggml.{n}": v for n, v in keys.items() if "tokenizer" not in n}
        path = write_gguf(tmp_path / "x.gguf", {"general.architecture": "bert", **named}, {})
        return build_tokenizer(str(path), read_gguf(path).values, begins=begins, ends=ends)

    return write_and_build


WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "▁cat", "s", "▁▁", "▁ecole", "▁é", "▁cafe"]
BERT: dict[str, Any] = {
    "model": "bert",
    "tokens": WORDS,
    "token_type": [3, 3, 3, 3, 1, 1, 1, 1, 1, 1],
    "bos_token_id": 2,
    "seperator_token_id": 3,
    "unknown_token_id": 1,
}


def test_a_words_beginning_is_marked_instead_of_its_continuation(build):
    fast = build(**BERT)
    assert fast.encode("cats cat ▁ dog").ids == [2, 4, 5, 4, 6, 1, 3]
    assert fast.encode("a [SEP] cat").ids == [2, 1, 3, 4, 3]


def test_texts_are_lower_cased_where_the_file_does_not_say(build):
    assert build(**BERT).encode("CATS École").ids == [2, 4, 5, 7, 3]


def test_the_files_normalizer_is_followed(build):
    assert build(**BERT, normalizer__lowercase=False).encode("CAT cafe").ids == [2, 1, 9, 3]
    kept = build(**BERT, normalizer__strip_accents=False)
    assert kept.encode("CAT É café").ids == [2, 4, 8, 1, 3]


def test_a_pair_of_bert_has_one_separator_and_two_types(build):
    pair = build(**BERT).encode("cat", "cats")
    assert (pair.ids, pair.type_ids) == ([2, 4, 3, 4, 5, 3], [0, 0, 0, 1, 1, 1])


@pytest.mark.parametrize(
    "changes",
    [
        {"tokens": None},
        {"tokens": ["a", "b"], "token_type": [1]},
        {"bos_token_id": 10},
        {"bos_token_id": "two"},
        {"seperator_token_id": None},
        {"unknown_token_id": 99},
        {"model": "t5"},
        {"model": "gpt2"},
        {"model": "llama"},
    ],
    ids=repr,
)
def test_a_vocabulary_that_lacks_what_it_needs_is_refused(build, changes):
    with pytest.raises(CheckpointError, match=r"tokenizer\.ggml"):
        build(**BERT | changes)


def test_a_kind_of_tokenizer_that_is_not_built_is_named(build):
    with pytest.raises(UnsupportedModelError, match="'rwkv' is not built here; expected one of"):
        build(**BERT | {"model": "rwkv"})


XLMR: dict[str, Any] = {
    "model": "t5",
    "tokens": ["<s>", "<pad>", "</s>", "<unk>", "▁", "▁a", "b", "▁ab", "<mask>"],
    "scores": [0.0, 0.0, 0.0, 0.0, -2.0, -3.0, -3.0, -1.0, 0.0],
    "token_type": [3, 3, 3, 2, 1, 1, 1, 1, 3],
    "bos_token_id": 0,
    "eos_token_id": 2,
    "unknown_token_id": 3,
}


def test_xlm_r_takes_the_likeliest_pieces_and_one_blank_before_each_word(build):
    fast = build(**XLMR)
    assert fast.encode("ab  ab b\n<mask>").ids == [0, 7, 7, 4, 6, 8, 2]
    assert fast.encode("ab", "b").ids == [0, 7, 2, 2, 4, 6, 2]
    assert build(**XLMR, add_eos_token=False).encode("ab").ids == [0, 7]


def xlm_r_charsmap() -> bytes:
    """A table that turns `x` into `ab`: a trie of one letter, and what it stands for."""
    units = np.zeros(512, dtype="<u4")
    units[0] = 1 << 10
    root = 1
    units[root ^ ord("x")] = ord("x") | 1 << 8 | (root ^ ord("x") ^ 300) << 10
    units[300] = 1 << 31
    table = units.tobytes()
    return len(table).to_bytes(4, "little") + table + b"ab\0"


def test_the_normalization_comes_as_bytes_or_as_letters_of_base64(build):
    table = xlm_r_charsmap()
    letters = list(b64encode(table).decode())
    for given in (table, letters):
        fast = build(**XLMR, precompiled_charsmap=given)
        assert fast.encode("x ab").ids == [0, 7, 7, 2]
    assert build(**XLMR).encode("x").ids == [0, 4, 3, 2]


def test_a_normalization_that_is_no_base64_is_refused(build):
    with pytest.raises(CheckpointError, match="precompiled_charsmap"):
        build(**XLMR, precompiled_charsmap=["!", "?"])


GPT2: dict[str, Any] = {
    "model": "gpt2",
    "pre": "gpt-2",
    "tokens": ["<s>", "</s>", "a", "b", "ab", "Ġ", "Ġab", "1", "11", "é", "<x>", "Ã", "©"],
    "token_type": [3, 3, 1, 1, 1, 1, 1, 1, 1, 1, 4, 1, 1],
    "merges": ["a b", "Ġ ab", "1 1", "a missing", "bad"],
    "bos_token_id": 0,
    "eos_token_id": 1,
}


def test_merges_and_added_tokens_are_followed(build):
    fast = build(**GPT2)
    assert fast.encode("ab ab<x>11</s>").ids == [0, 4, 6, 10, 8, 1, 1]
    assert build(**GPT2, begins=False, ends=False).encode("ab").ids == [4]
    assert build(**GPT2, begins=False, ends=False, add_eos_token=True).encode("ab").ids == [4, 1]


def test_the_pattern_decides_what_may_merge(build):
    assert build(**GPT2 | {"pre": "qwen2"}).encode("11").ids == [0, 7, 7, 1]
    assert build(**GPT2 | {"pre": "llama-bpe"}).encode("11").ids == [0, 8, 1]


def test_qwens_texts_are_composed_first(build):
    composed, apart = (build(**GPT2 | {"pre": pre}) for pre in ("qwen2", "gpt-2"))
    assert composed.encode("e\u0301").ids == composed.encode("é").ids == [0, 11, 12, 1]
    assert apart.encode("e\u0301").ids != apart.encode("é").ids


def test_a_pattern_that_is_not_known_is_named(build):
    with pytest.raises(UnsupportedModelError, match="pre 'tekken' is not built here"):
        build(**GPT2 | {"pre": "tekken"})


GEMMA: dict[str, Any] = {
    "model": "llama",
    "tokens": ["<pad>", "<eos>", "<bos>", "<unk>", *BYTES, "▁", "a", "b", "c", "ab", "bc", "▁a"],
    "scores": [0.0] * 260 + [-9.0, -9.0, -9.0, -9.0, -2.0, -1.0, -3.0],
    "token_type": [3, 3, 3, 2] + [6] * 256 + [1] * 7,
    "bos_token_id": 2,
    "eos_token_id": 1,
    "unknown_token_id": 3,
}


def test_sentence_piece_merges_what_scores_highest_and_falls_back_to_bytes(build):
    fast = build(**GEMMA, add_space_prefix=False)
    assert fast.encode("abc ab").ids == [2, 261, 265, 260, 264, 1]
    assert fast.encode("é").ids == [2, 4 + 0xC3, 4 + 0xA9, 1]
    assert build(**GEMMA).encode("a").ids == [2, 266, 1]


def test_a_golden_word_piece_vocabulary_gives_its_own_models_tokens(build):
    from tokenizers import Tokenizer

    folder = GOLDEN / "bert-cls"
    keys = word_piece_keys(folder)
    fast = build(**{name.removeprefix("tokenizer.ggml."): value for name, value in keys.items()})
    theirs = Tokenizer.from_file(str(folder / "tokenizer.json"))
    cases = json_cases(folder)
    assert [fast.encode(t).ids for t in cases] == [theirs.encode(t).ids for t in cases]


def json_cases(folder: Path) -> list[str]:
    import json

    told = json.loads((folder / "expected.json").read_text(encoding="utf-8"))
    return [case["text"] for case in told["cases"]]
