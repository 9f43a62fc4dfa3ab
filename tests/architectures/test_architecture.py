"""A configuration is built exactly or refused in words that say why."""

import json
from pathlib import Path

import pytest

from simile.architectures.architecture import read_architecture
from simile.checkpoints.configuration import Configuration
from simile.errors import CheckpointError, UnsupportedModelError

GOLDEN = Path(__file__).parent.parent / "golden"


def read(family, **changes):
    values = json.loads((GOLDEN / family / "config.json").read_text(encoding="utf-8"))
    return read_architecture(Configuration({**values, **changes}))


@pytest.mark.parametrize("kind", ["bart", None, "BERT"])
def test_an_unknown_model_type_is_refused_by_name(kind):
    with pytest.raises(UnsupportedModelError, match=f"model_type {kind!r} is not built"):
        read("bert-cls", model_type=kind)


@pytest.mark.parametrize(
    ("family", "changes"),
    [
        ("roberta", {"position_embedding_type": "relative_key"}),
        ("roberta", {"is_decoder": True}),
        ("mpnet", {"relative_attention_num_buckets": 16}),
        ("nomic-bert", {"rope_parameters": {"rope_type": "yarn"}}),
        ("nomic-bert-own-words", {"prenorm": True}),
        ("nomic-bert-own-words", {"causal": True}),
        ("nomic-bert-own-words", {"activation_function": "gelu"}),
        ("nomic-bert-own-words", {"rotary_emb_interleaved": True}),
        ("nomic-bert-own-words", {"rotary_emb_fraction": 0.0}),
        ("nomic-bert-own-words", {"moe_every_n_layers": 2}),
        ("modernbert", {"layer_types": ["full_attention", "chunked_attention"] * 2}),
        ("modernbert", {"rope_scaling": {"type": "yarn"}}),
        ("gte", {"position_embedding_type": "absolute"}),
        ("new", {"layer_norm_type": "rms_norm"}),
        ("new", {"logn_attention_scale": True}),
        ("new", {"rope_scaling": {"type": "dynamic", "factor": 2}}),
        ("new", {"rope_scaling": {"type": "ntk", "factor": 2, "mixed_b": 0.5}}),
    ],
    ids=repr,
)
def test_a_variant_that_changes_the_numbers_is_refused(family, changes):
    with pytest.raises(UnsupportedModelError, match=next(iter(changes))):
        read(family, **changes)


@pytest.mark.parametrize(
    ("family", "changes"),
    [
        ("distilbert", {"dim": 36}),
        ("nomic-bert", {"hidden_size": 39}),
        ("nomic-bert", {"rope_parameters": 3}),
        ("modernbert", {"num_attention_heads": 36}),
        ("modernbert", {"layer_types": ["full_attention"]}),
        ("roberta", {"pad_token_id": -1}),
    ],
    ids=repr,
)
def test_a_value_that_cannot_be_is_refused(family, changes):
    with pytest.raises(CheckpointError):
        read(family, **changes)


def test_the_context_is_what_the_positions_leave_for_tokens():
    assert read("roberta").sizes.context_length == 48
    assert read("xlm-roberta", max_position_embeddings=8194).sizes.context_length == 8192
    assert read("roberta", pad_token_id=0).sizes.context_length == 49
    assert read("mpnet", max_position_embeddings=514).sizes.context_length == 512


def test_the_context_ends_where_a_turn_would_be_scaled_by_the_length():
    assert read("nomic-bert-own-words").sizes.context_length == 96
    scaled = read("nomic-bert-own-words", rotary_scaling_factor=2)
    assert scaled.sizes.context_length == 72


def test_the_vocabulary_is_padded_as_its_configuration_says():
    assert read("nomic-bert-own-words").sizes.vocab_size == 320
