"""The `bert` architecture as an OpenVINO graph: token ids to one vector per token.

Covers every checkpoint whose config.json says model_type "bert": MiniLM, BGE, GTE, mxbai, E5,
Snowflake v1. Post-norm transformer encoder with learnt absolute positions.
Devlin et al. 2018, https://arxiv.org/abs/1810.04805; tensor names as transformers writes them.
"""

from dataclasses import dataclass

from simile.architectures.architecture import EncoderArchitecture, Sizes, Tokens
from simile.architectures.bricks.attention import padding_mask
from simile.architectures.bricks.post_norm import PostNorm, read_sizes
from simile.architectures.bricks.weights import Weights
from simile.checkpoints.configuration import Configuration
from simile.checkpoints.tensors import Tensors
from simile.graph import Node


@dataclass(frozen=True)
class Architecture(EncoderArchitecture):
    """The keys of config.json that change the numbers."""

    sizes: Sizes
    type_vocab_size: int
    hidden_act: str
    ignored_tensors = (
        "embeddings.position_ids",
        "embeddings.token_type_ids",
        "pooler.",
        "cls.",
        "classifier.",
        "qa_outputs.",
    )

    @classmethod
    def parse(cls, configuration: Configuration) -> "Architecture":
        """Read config.json; CheckpointError names a bad key, UnsupportedModelError a variant."""
        configuration.only("position_embedding_type", ("absolute",))
        configuration.only("is_decoder", (False,))
        return cls(
            read_sizes(configuration),
            type_vocab_size=configuration.size("type_vocab_size", 2),
            hidden_act=configuration.text("hidden_act", "gelu"),
        )

    def build(self, tensors: Tensors, tokens: Tokens) -> Node:
        """Build the encoder; see EncoderArchitecture."""
        weights = Weights.find(tensors, "embeddings.word_embeddings.weight", "bert.")
        encoder = PostNorm(weights, self.sizes, self.hidden_act)
        hidden = encoder.embed(tokens, type_count=self.type_vocab_size)
        mask = padding_mask(tokens.token_mask)
        return encoder.encode(hidden, mask, first_only=tokens.first_only)
