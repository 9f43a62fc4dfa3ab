"""The `roberta` architecture as an OpenVINO graph; `xlm-roberta` and `camembert` are the same one.

BGE-M3, multilingual-e5, paraphrase-multilingual, Arctic v2-l. BERT, but positions count from the
padding's id up and leave out tokens of that id, and there is mostly one type of text.
Liu et al. 2019, https://arxiv.org/abs/1907.11692; tensor names as transformers writes them.
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
    pad_id: int
    hidden_act: str
    ignored_tensors = (
        "embeddings.position_ids",
        "embeddings.token_type_ids",
        "pooler.",
        "lm_head.",
        "classifier.",
        "qa_outputs.",
    )

    @classmethod
    def parse(cls, configuration: Configuration) -> "Architecture":
        """Read config.json; CheckpointError names a bad key, UnsupportedModelError a variant."""
        configuration.only("position_embedding_type", ("absolute",))
        configuration.only("is_decoder", (False,))
        pad_id = configuration.count("pad_token_id", 1)
        return cls(
            read_sizes(configuration, unused_positions=pad_id + 1),
            type_vocab_size=configuration.size("type_vocab_size", 2),
            pad_id=pad_id,
            hidden_act=configuration.text("hidden_act", "gelu"),
        )

    def build(self, tensors: Tensors, tokens: Tokens) -> Node:
        """Build the encoder; see EncoderArchitecture."""
        weights = Weights.find(tensors, "embeddings.word_embeddings.weight", "roberta.")
        encoder = PostNorm(weights, self.sizes, self.hidden_act)
        hidden = encoder.embed(tokens, type_count=self.type_vocab_size, pad_id=self.pad_id)
        mask = padding_mask(tokens.token_mask)
        return encoder.encode(hidden, mask, first_only=tokens.first_only)
