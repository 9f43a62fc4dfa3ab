"""The `bert` architecture as an OpenVINO graph: token ids to one vector per token.

Covers `roberta`, `xlm-roberta` and `camembert`, too, whose positions count from the padding's id up
and leave out tokens of that id: MiniLM, BGE, GTE, mxbai, E5, Snowflake. Post-norm transformer
encoder with learned absolute positions. Devlin et al. 2018, https://arxiv.org/abs/1810.04805; Liu
et al. 2019, https://arxiv.org/abs/1907.11692; tensor names as transformers writes them.
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
    pad_id: int | None
    """From which positions count; None for BERT, whose first is 0."""
    ignored_tensors = (
        "embeddings.position_ids",
        "embeddings.token_type_ids",
        "pooler.",
        "cls.",
        "lm_head.",
        "classifier.",
        "qa_outputs.",
    )

    @classmethod
    def parse(cls, configuration: Configuration) -> "Architecture":
        """Read config.json; CheckpointError names a bad key, UnsupportedModelError a variant."""
        configuration.only("position_embedding_type", ("absolute",))
        configuration.only("is_decoder", (False,))
        is_bert = configuration.text("model_type") == "bert"
        pad_id = None if is_bert else configuration.count("pad_token_id", 1)
        return cls(
            read_sizes(configuration, unused_positions=0 if pad_id is None else pad_id + 1),
            type_vocab_size=configuration.size("type_vocab_size", 2),
            hidden_act=configuration.text("hidden_act", "gelu"),
            pad_id=pad_id,
        )

    def build(self, tensors: Tensors, tokens: Tokens) -> Node:
        """Build the encoder; see EncoderArchitecture."""
        weights = Weights.find(tensors, "embeddings.word_embeddings.weight", "bert.", "roberta.")
        encoder = PostNorm(weights, self.sizes, self.hidden_act)
        hidden = encoder.embed(tokens, type_count=self.type_vocab_size, pad_id=self.pad_id)
        mask = padding_mask(tokens.token_mask)
        return encoder.encode(hidden, mask, first_only=tokens.first_only)
