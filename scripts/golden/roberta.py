"""Small checkpoints of roberta (byte-level BPE) and xlm-roberta (Unigram)."""

from typing import Any

from scripts.golden.common import GOLDEN, ROBERTA_TEXTS, byte_pairs, finish, save, unigrams
from sentence_transformers.sentence_transformer.modules import Normalize
from transformers import (
    RobertaConfig,
    RobertaModel,
    RobertaTokenizer,
    XLMRobertaConfig,
    XLMRobertaModel,
    XLMRobertaTokenizer,
)


def make() -> None:
    """Write the checkpoints and their vectors."""
    _byte_level()
    _unigram()


def _byte_level() -> None:
    """Cls pooling; no Normalize; an even table of positions, all but two of it used."""
    vocab, merges = byte_pairs()
    tokenizer = RobertaTokenizer(vocab=vocab, merges=merges, model_max_length=48)
    config = RobertaConfig(
        vocab_size=len(tokenizer), max_position_embeddings=50, layer_norm_eps=1e-5, **_sizes(35, 5)
    )
    folder = GOLDEN / "roberta"
    save(folder, RobertaModel(config), tokenizer, seed=3, pooling="cls")
    finish(folder, ROBERTA_TEXTS)


def _unigram() -> None:
    tokenizer = XLMRobertaTokenizer(vocab=unigrams(), model_max_length=48)
    config = XLMRobertaConfig(
        vocab_size=len(tokenizer), max_position_embeddings=66, layer_norm_eps=1e-5, **_sizes(36, 3)
    )
    folder = GOLDEN / "xlm-roberta"
    save(
        folder,
        XLMRobertaModel(config),
        tokenizer,
        seed=4,
        pooling="mean",
        after=[Normalize()],
        prompts={"query": "query: ", "document": "passage: "},
        half=True,
    )
    finish(folder, ROBERTA_TEXTS)


def _sizes(width: int, heads: int) -> dict[str, Any]:
    return {
        "hidden_size": width,
        "num_hidden_layers": 2,
        "num_attention_heads": heads,
        "intermediate_size": 70,
        "type_vocab_size": 1,
    }
