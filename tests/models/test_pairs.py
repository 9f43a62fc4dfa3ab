"""A query and a text as one input: what is cut, and which token is of which part."""

import pytest
from tests.rerankers import say, write_tiny_reranker

from simile.checkpoints.open import open_checkpoint
from simile.hub.plain_folder import open_folder
from simile.models.open import open_cross_encoder
from simile.models.pairs import Pair
from simile.models.rerank_layout import gives_types


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
    folder = write_tiny_reranker(tmp_path_factory.mktemp("pairs"))
    return open_cross_encoder(open_folder(str(folder))).tokenizer()


def encode(tokenizer, query, text, window):
    [row] = tokenizer.encode([Pair(tokenizer.query(query), text)], [window])
    return row.ids.tolist(), row.types.tolist(), row.truncated


def test_the_second_text_and_the_end_are_of_type_1(tokenizer):
    _, types, truncated = encode(tokenizer, "the sky", "cat", 32)
    assert types == [0, 0, 0, 0, 1, 1] and not truncated


def test_the_text_is_cut_and_the_query_is_not(tokenizer):
    whole, _, _ = encode(tokenizer, "why is the sky blue", "cat dog green grass", 32)
    cut, types, truncated = encode(tokenizer, "why is the sky blue", "cat dog green grass", 10)
    assert truncated and len(cut) == 10
    assert cut[:-1] == whole[:9] and cut[-1] == whole[-1]
    assert types == [0] * 7 + [1] * 3


def test_a_query_longer_than_the_window_leaves_one_token_of_the_text(tokenizer):
    whole, _, _ = encode(tokenizer, "why is the sky blue", "cat dog", 32)
    cut, types, truncated = encode(tokenizer, "why is the sky blue", "cat dog", 6)
    assert truncated and types == [0, 0, 0, 0, 1, 1]
    assert cut == [*whole[:3], whole[6], whole[7], whole[-1]]


def test_a_long_query_is_cut_also_where_there_is_no_text(tokenizer):
    ids, types, truncated = encode(tokenizer, "why is the sky blue", "", 6)
    assert truncated and len(ids) == 6 and types == [0, 0, 0, 0, 0, 1]


def test_special_tokens_in_a_text_do_not_move_the_border(tokenizer):
    ids, types, _ = encode(tokenizer, "the [SEP] sky", "cat", 32)
    assert types == [0, 0, 0, 0, 0, 1, 1] and ids[2] == ids[4]


@pytest.mark.parametrize(
    ("tokenizer_config", "config", "expected"),
    [
        ({}, {}, True),
        ({"tokenizer_class": "BertTokenizerFast"}, {}, True),
        ({"tokenizer_class": "PreTrainedTokenizerFast"}, {}, False),
        ({"tokenizer_class": "TokenizersBackend",
          "model_input_names": ["input_ids", "token_type_ids"]}, {}, True),
        ({"model_input_names": ["input_ids", "attention_mask"]}, {}, False),
        ({}, {"type_vocab_size": 1}, False),
        ({}, {"model_type": "modernbert", "type_vocab_size": None}, False),
    ],
)  # fmt: skip
def test_types_are_told_as_the_references_tokenizers_tell_them(
    tmp_path, tokenizer_config, config, expected
):
    from tests.checkpoint_files import write_json

    folder = write_tiny_reranker(tmp_path)
    write_json(folder / "tokenizer_config.json", tokenizer_config)
    say(folder, **config)
    assert gives_types(open_checkpoint(folder)) is expected
