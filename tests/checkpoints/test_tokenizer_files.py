"""The class that a folder names decides how its tokenizer normalizes and splits."""

import base64
import shutil
import struct
from pathlib import Path

import pytest
from tests.checkpoint_files import change_json

from simile.checkpoints.tokenizer_files import read_tokenizer

GOLDEN = Path(__file__).parent.parent / "golden"
SAME = ("config.json", "tokenizer.json", "tokenizer_config.json")


def pieces(tmp_path, family, text, *, file=None, config=None):
    """Tokenize by the golden tokenizer, its two files changed."""
    for name in SAME:
        shutil.copy(GOLDEN / family / name, tmp_path)
    change_json(tmp_path / "tokenizer.json", **(file or {}))
    change_json(tmp_path / "tokenizer_config.json", **(config or {}))
    return read_tokenizer(tmp_path).encode(text, add_special_tokens=False).tokens


LOWER = {"normalizer": {"type": "Lowercase"}}
BLANKS = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True}


@pytest.mark.parametrize("name", ["RobertaTokenizer", "RobertaTokenizerFast", None])
def test_roberta_keeps_case_and_puts_a_blank_before_only_if_told(tmp_path, name):
    config = {"tokenizer_class": name}
    assert pieces(tmp_path, "roberta", "The", file=LOWER, config=config)[0] == "The"
    told = {**config, "add_prefix_space": True}
    assert pieces(tmp_path, "roberta", "The", config=told)[0].startswith("Ġ")


@pytest.mark.parametrize("family", ["xlm-roberta", "gte"])
def test_xlm_roberta_splits_at_blanks_however_many(tmp_path, family):
    once = pieces(tmp_path, family, "cat and")
    assert pieces(tmp_path, family, " cat \n  and ", file={"pre_tokenizer": BLANKS}) == once
    assert pieces(tmp_path, family, "The", file=LOWER) == pieces(tmp_path, family, "The")
    told = pieces(tmp_path, family, "cat", config={"add_prefix_space": False})
    assert not told[0].startswith("▁")


@pytest.mark.parametrize("family", ["mpnet", "distilbert", "nomic-bert"])
def test_berts_kin_follow_do_lower_case(tmp_path, family):
    assert pieces(tmp_path, family, "The", config={"do_lower_case": False}) == ["The"]
    assert pieces(tmp_path, family, "The", config={"do_lower_case": True}) == ["the"]


@pytest.mark.parametrize(
    ("family", "config"),
    [
        ("roberta", {"tokenizer_class": "PreTrainedTokenizerFast"}),
        ("modernbert", {"tokenizer_class": "RobertaTokenizer"}),
    ],
)
def test_without_a_class_that_counts_the_file_is_followed(tmp_path, family, config):
    plain = pieces(tmp_path, family, "the cat", config=config)
    assert pieces(tmp_path, family, "THE Cat", file=LOWER, config=config) == plain


def test_sentencepieces_table_is_kept_and_nothing_beside_it(tmp_path):
    # A table without entries: its size, a tree of unused nodes, and the empty text.
    table = base64.b64encode(struct.pack("<I", 1024) + bytes(1024 + 1)).decode()
    part = {"type": "Precompiled", "precompiled_charsmap": table}
    listed = {"type": "Sequence", "normalizers": [{"type": "Lowercase"}, part]}
    plain = pieces(tmp_path, "xlm-roberta", "The")
    assert pieces(tmp_path, "xlm-roberta", "The", file={"normalizer": listed}) == plain
    assert "Precompiled" in repr(read_tokenizer(tmp_path).normalizer)
