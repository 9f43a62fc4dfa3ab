"""The template of Qwen3-Reranker: what goes into it, what is cut, and when it is used."""

import shutil
from pathlib import Path

import pytest
from tests.checkpoint_files import change_json, write_json

from simile.checkpoints.open import open_checkpoint
from simile.errors import UnsupportedModelError
from simile.hub.plain_folder import open_folder
from simile.models.open import open_cross_encoder
from simile.models.pairs import Pair
from simile.models.qwen3_reranker import INSTRUCTION, answer_ids
from simile.models.rerank_layout import is_reranker, read_layout

GOLDEN = Path(__file__).parent.parent / "golden" / "rerank" / "qwen3"


@pytest.fixture(scope="module")
def fast():
    return open_checkpoint(GOLDEN).tokenizer()


@pytest.fixture(scope="module")
def tokenizer():
    return open_cross_encoder(open_folder(str(GOLDEN))).tokenizer()


@pytest.fixture
def copy(tmp_path):
    shutil.copytree(GOLDEN, tmp_path / "copy")
    return tmp_path / "copy"


def read(tokenizer, fast, query, text, *, window=512, instruction=None):
    [row] = tokenizer.encode([Pair(tokenizer.query(query, instruction), text)], [window])
    return fast.decode(row.ids.tolist(), skip_special_tokens=False), row


def test_a_pair_stands_in_the_template(tokenizer, fast):
    text, _ = read(tokenizer, fast, "why?", "a cat")
    assert f"<|im_end|>\n<|im_start|>user\n<Instruct>: {INSTRUCTION}\n<Query>: why?\n" in text
    assert text.endswith(
        "\n<Document>: a cat<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n"
    )


def test_an_instruction_takes_the_place_of_the_usual_one(tokenizer, fast):
    text, _ = read(tokenizer, fast, "why?", "a cat", instruction="Find animals")
    assert "<Instruct>: Find animals\n<Query>: why?" in text and INSTRUCTION not in text


def test_the_text_is_cut_and_the_template_is_not(tokenizer, fast):
    text, row = read(tokenizer, fast, "why?", "cat " * 500, window=200)
    assert row.truncated and len(row.ids) == 200
    assert "<Query>: why?\n<Document>: cat" in text and text.endswith("</think>\n\n")


def test_a_query_longer_than_the_window_leaves_one_token_of_the_text(tokenizer, fast):
    text, row = read(tokenizer, fast, "why " * 500, "zebra", window=200)
    assert row.truncated and len(row.ids) == 200
    assert "\n<Document>: z<|im_end|>" in text and "<Query>: why why" in text


def test_a_tokenizer_without_the_answers_is_refused(tmp_path):
    from tokenizers import Tokenizer, models

    with pytest.raises(UnsupportedModelError, match="`yes` and `no`"):
        answer_ids(Tokenizer(models.WordLevel({"yes": 0})))


def test_a_causal_model_with_pooling_is_no_reranker(copy):
    assert is_reranker(open_checkpoint(copy))
    write_json(copy / "modules.json", [])
    assert not is_reranker(open_checkpoint(copy))


def list_modules(folder, **logit_score):
    write_json(folder / "config_sentence_transformers.json", {"model_type": "CrossEncoder"})
    types = ("Transformer", "LogitScore")
    entries = [{"type": f"sentence_transformers.x.{name}", "path": name} for name in types]
    write_json(folder / "modules.json", entries)
    write_json(folder / "LogitScore" / "config.json", logit_score)


def test_saved_as_a_cross_encoder_it_is_read_as_its_files_say(copy):
    list_modules(copy, true_token_id=7, false_token_id=None)
    layout = read_layout(open_checkpoint(copy))
    assert layout.answers == (7, None) and not layout.has_template
    template = "{{query}} {{document}} Judge whether the Document meets the requirements based on "
    (copy / "chat_template.jinja").write_text(template + "the Query and the Instruct provided.")
    assert read_layout(open_checkpoint(copy)).has_template


def test_another_template_for_pairs_is_refused(copy):
    change_json(copy / "tokenizer_config.json", chat_template="{{role}} of a chat")
    assert read_layout(open_checkpoint(copy)).has_template
    change_json(copy / "tokenizer_config.json", chat_template="{{query}} or {{document}}")
    with pytest.raises(UnsupportedModelError, match="chat template"):
        read_layout(open_checkpoint(copy))
