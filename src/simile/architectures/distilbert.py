"""The `distilbert` architecture as an OpenVINO graph: token ids to one vector per token.

BERT with other names, without types of text, its layer norms' epsilon fixed.
Sanh et al. 2019, https://arxiv.org/abs/1910.01108; tensor names as transformers writes them.
"""

from dataclasses import dataclass

from simile.architectures.architecture import Sizes, Tokens
from simile.architectures.bricks import layers, post_norm
from simile.architectures.bricks.attention import padding_mask
from simile.architectures.bricks.weights import Weights
from simile.checkpoints.configuration import Configuration
from simile.checkpoints.tensors import Tensors
from simile.graph import Node, ops

_NAMES = post_norm.Names(
    layer="transformer.layer",
    query="attention.q_lin",
    key="attention.k_lin",
    value="attention.v_lin",
    mixed="attention.out_lin",
    mixed_norm="sa_layer_norm",
    grow="ffn.lin1",
    shrink="ffn.lin2",
    norm="output_layer_norm",
)


@dataclass(frozen=True)
class Architecture:
    """The keys of config.json that change the numbers.

    Positions that are sines are stored like learnt ones.
    """

    sizes: Sizes
    activation: str
    ignored_tensors = (
        "embeddings.position_ids",
        "vocab_transform.",
        "vocab_layer_norm.",
        "vocab_projector.",
        "pre_classifier.",
        "classifier.",
        "qa_outputs.",
    )

    @classmethod
    def parse(cls, configuration: Configuration) -> "Architecture":
        """Read config.json; CheckpointError names a bad key."""
        sizes = Sizes(
            vocab_size=configuration.size("vocab_size"),
            width=configuration.size("dim"),
            layer_count=configuration.size("n_layers"),
            head_count=configuration.size("n_heads"),
            feed_forward_size=configuration.size("hidden_dim"),
            norm_eps=1e-12,
            context_length=configuration.size("max_position_embeddings", 512),
        )
        post_norm.check_heads(configuration, sizes)
        return cls(sizes, activation=configuration.text("activation", "gelu"))

    def build(self, tensors: Tensors, tokens: Tokens) -> Node:
        """Build the encoder; see the protocol. It has no token types."""
        sizes = self.sizes
        weights = Weights.find(tensors, "embeddings.word_embeddings.weight", "distilbert.")
        words = weights.take_matrix(
            "embeddings.word_embeddings.weight", sizes.vocab_size, sizes.width
        )
        places = weights.take(
            "embeddings.position_embeddings.weight", sizes.context_length, sizes.width
        )
        hidden = ops.add(
            layers.embed(words, tokens.input_ids),
            layers.first_rows(places, tokens.input_ids),
        )
        hidden = weights.layer_norm(hidden, "embeddings.LayerNorm", sizes.width, eps=sizes.norm_eps)
        mask = padding_mask(tokens.token_mask)
        return post_norm.encode(
            weights, sizes, self.activation, hidden, mask, _NAMES, first_only=tokens.first_only
        )
