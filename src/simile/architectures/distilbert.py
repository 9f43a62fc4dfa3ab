"""The `distilbert` architecture as an OpenVINO graph: token ids to one vector per token.

BERT with other names, without types of text, its layer norms' epsilon fixed.
Sanh et al. 2019, https://arxiv.org/abs/1910.01108; tensor names as transformers writes them.
"""

from dataclasses import dataclass

from simile.architectures.architecture import EncoderArchitecture, Sizes, Tokens
from simile.architectures.bricks.attention import padding_mask
from simile.architectures.bricks.post_norm import BertNames, PostNorm, check_heads
from simile.architectures.bricks.weights import Weights
from simile.checkpoints.configuration import Configuration
from simile.checkpoints.tensors import Tensors
from simile.graph import Node

_NAMES = BertNames(
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
class Architecture(EncoderArchitecture):
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
        check_heads(configuration, sizes)
        return cls(sizes, activation=configuration.text("activation", "gelu"))

    def build(self, tensors: Tensors, tokens: Tokens) -> Node:
        """Build the encoder; see EncoderArchitecture. It has no token types."""
        weights = Weights.find(tensors, "embeddings.word_embeddings.weight", "distilbert.")
        encoder = PostNorm(weights, self.sizes, self.activation, _NAMES)
        hidden = encoder.embed(tokens)
        mask = padding_mask(tokens.token_mask)
        return encoder.encode(hidden, mask, first_only=tokens.first_only)
