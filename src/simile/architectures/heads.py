"""The heads that make one score of token vectors, as OpenVINO graph nodes.

Each takes the checkpoint's tensors, the configuration, hidden (batch, seq, width) and token_mask
(batch, seq), and gives logits (batch, 1). They are those of the `...ForSequenceClassification`
classes of transformers 5 (https://github.com/huggingface/transformers, src/transformers/models,
read 2026-11), by whose names they are found. Knows no texts and no activation of the score.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from simile.architectures.bricks import layers
from simile.architectures.bricks.pooling import cls, last, mean
from simile.architectures.bricks.weights import Weights
from simile.checkpoints.configuration import Configuration
from simile.checkpoints.tensors import Tensors
from simile.graph import Node, ops


@dataclass(frozen=True)
class Encoded:
    """What a head starts from."""

    tensors: Tensors
    configuration: Configuration
    hidden: Node
    """(batch, seq, width)"""
    token_mask: Node
    """(batch, seq), 1 = token."""
    input_ids: Node
    """(batch, seq)"""
    width: int


Head = Callable[[Encoded], Node]
_POOLER_OWNERS = ("bert.", "new.", "gte.", "nomic_bert.")


def bert(given: Encoded) -> Node:
    """The pooler of the first token (dense, tanh), then a linear layer."""
    return _first_token(given, "pooler.dense", "tanh", "classifier", *_POOLER_OWNERS)


def roberta(given: Encoded) -> Node:
    """Dense, tanh and a linear layer on the first token."""
    return _first_token(given, "classifier.dense", "tanh", "classifier.out_proj")


def distilbert(given: Encoded) -> Node:
    """Dense, ReLU and a linear layer on the first token."""
    return _first_token(given, "pre_classifier", "relu", "classifier")


def modernbert(given: Encoded) -> Node:
    """Dense, activation, norm and a linear layer on the first token, or the tokens' mean."""
    configuration, weights, width = given.configuration, Weights(given.tensors), given.width
    configuration.only("classifier_pooling", ("cls", "mean"))
    pool = mean if configuration.text("classifier_pooling", "cls") == "mean" else cls
    bias = configuration.flag("classifier_bias", False)
    dense = weights.linear(
        pool(given.hidden, given.token_mask), "head.dense", width, width, bias=bias
    )
    active = layers.activation(dense, configuration.text("classifier_activation", "gelu"))
    eps, bias = configuration.number("norm_eps", 1e-5), configuration.flag("norm_bias", False)
    return _score(
        given, weights.layer_norm(active, "head.norm", width, eps=eps, bias=bias), "classifier"
    )


def last_token(given: Encoded) -> Node:
    """A linear layer without bias on the last token that is not the padding's, in a text too."""
    matrix, mask = given.tensors.take("score.weight", (1, given.width)), given.token_mask
    if given.configuration.values.get("pad_token_id") is not None:
        pad_id = np.int32(given.configuration.count("pad_token_id"))
        other = ops.convert(ops.not_equal(given.input_ids, pad_id), "i32")
        mask = ops.multiply(mask, other)
    return layers.linear(last(given.hidden, mask), matrix, None)


def vocabulary_rows(yes: int, no: int | None) -> Head:
    """The logit of one token after the last, less that of another: one row of the vocabulary's.

    The softmax of two logits is the sigmoid of their difference, and the difference of two products
    the product with the difference, so that all other rows are left out.
    Zhang et al. 2025, https://arxiv.org/abs/2506.05176, section 2.
    """

    def head(given: Encoded) -> Node:
        shape = (given.configuration.size("vocab_size"), given.width)
        if given.configuration.flag("tie_word_embeddings", False):
            words = Weights.find(given.tensors, "embed_tokens.weight", "model.")
            rows = words.take("embed_tokens.weight", *shape)
        else:
            rows = given.tensors.take("lm_head.weight", shape)
        row = rows[yes : yes + 1]
        matrix = row if no is None else row - rows[no : no + 1]
        return layers.linear(last(given.hidden, given.token_mask), matrix, None)

    return head


HEADS: Mapping[str, Head] = {
    "BertForSequenceClassification": bert,
    "GteForSequenceClassification": bert,
    "NewForSequenceClassification": bert,
    "NomicBertForSequenceClassification": bert,
    "RobertaForSequenceClassification": roberta,
    "XLMRobertaForSequenceClassification": roberta,
    "CamembertForSequenceClassification": roberta,
    "MPNetForSequenceClassification": roberta,
    "DistilBertForSequenceClassification": distilbert,
    "ModernBertForSequenceClassification": modernbert,
    "Qwen3ForSequenceClassification": last_token,
}

FIRST_TOKEN = (bert, roberta, distilbert)
"""Those that look at the first token alone, whatever the configuration says."""


def _first_token(given: Encoded, dense: str, activation: str, score: str, *prefixes: str) -> Node:
    first, weights = cls(given.hidden, given.token_mask), given.tensors
    owner = Weights.find(weights, f"{dense}.weight", *prefixes)
    active = layers.activation(owner.linear(first, dense, given.width, given.width), activation)
    return _score(given, active, score)


def _score(given: Encoded, pooled: Node, name: str) -> Node:
    return Weights(given.tensors).linear(pooled, name, given.width, 1)
