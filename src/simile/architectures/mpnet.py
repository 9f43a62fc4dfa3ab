"""The `mpnet` architecture as an OpenVINO graph: token ids to one vector per token.

all-mpnet-base-v2 and its kin. RoBERTa with a bias on each pair of tokens by their distance, the
same in every layer, and without types of text. Song et al. 2020, https://arxiv.org/abs/2004.09297;
the distances' buckets: Raffel et al. 2019, https://arxiv.org/abs/1910.10683, section 2.1.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simile.architectures.architecture import EncoderArchitecture, Sizes, Tokens
from simile.architectures.bricks import layers
from simile.architectures.bricks.attention import padding_mask
from simile.architectures.bricks.post_norm import BertNames, PostNorm, read_sizes
from simile.architectures.bricks.weights import Weights
from simile.checkpoints.configuration import Configuration
from simile.checkpoints.tensors import Floats, Tensors
from simile.errors import UnsupportedModelError
from simile.graph import Node, ops

_PAD_ID = 1
"""Fixed by the reference, whatever config.json says."""
_BUCKETS = 32
_FAR = 128
_NAMES = BertNames(
    query="attention.attn.q",
    key="attention.attn.k",
    value="attention.attn.v",
    mixed="attention.attn.o",
    mixed_norm="attention.LayerNorm",
)


@dataclass(frozen=True)
class Architecture(EncoderArchitecture):
    """The keys of config.json that change the numbers."""

    sizes: Sizes
    bucket_count: int
    hidden_act: str
    ignored_tensors = ("embeddings.position_ids", "pooler.", "lm_head.", "classifier.")

    @classmethod
    def parse(cls, configuration: Configuration) -> "Architecture":
        """Read config.json; CheckpointError names a bad key, UnsupportedModelError a variant."""
        buckets = configuration.size("relative_attention_num_buckets", _BUCKETS)
        if buckets < _BUCKETS:
            raise UnsupportedModelError(
                f"{configuration.where}: relative_attention_num_buckets {buckets} is not built "
                f"here; expected {_BUCKETS}"
            )
        return cls(
            read_sizes(configuration, unused_positions=_PAD_ID + 1),
            bucket_count=buckets,
            hidden_act=configuration.text("hidden_act", "gelu"),
        )

    def build(self, tensors: Tensors, tokens: Tokens) -> Node:
        """Build the encoder; see EncoderArchitecture. It has no token types."""
        sizes = self.sizes
        weights = Weights.find(tensors, "embeddings.word_embeddings.weight", "mpnet.")
        encoder = PostNorm(weights, sizes, self.hidden_act, _NAMES)
        hidden = encoder.embed(tokens, pad_id=_PAD_ID)
        table = weights.take(
            "encoder.relative_attention_bias.weight", self.bucket_count, sizes.head_count
        )
        bias = _distance_bias(table, tokens.input_ids, sizes.context_length)
        mask = ops.add(bias, padding_mask(tokens.token_mask))
        return encoder.encode(hidden, mask, first_only=tokens.first_only)


def buckets(distances: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the bucket of each distance, key's place less query's.

    One half of the buckets for either direction; in each, one for every near distance, then wider
    ones that grow with the distance, up to _FAR. In the reference's own float32 steps.
    """
    half, exact = _BUCKETS // 2, _BUCKETS // 4
    away = np.abs(distances)
    share = np.log(np.maximum(away, 1).astype(np.float32) / np.float32(exact))
    steps = share / np.float32(math.log(_FAR / exact)) * np.float32(half - exact)
    wide = np.minimum(exact + steps.astype(np.int64), half - 1)
    return np.where(away < exact, away, wide) + np.where(distances > 0, half, 0)


def _distance_bias(table: Floats, input_ids: Node, length: int) -> Node:
    """(1, heads, seq, seq), from the table (buckets, heads)."""
    by_distance = table[buckets(np.arange(1 - length, length))]
    seq = ops.gather(ops.shape_of(input_ids, "i32"), np.int32(1), layers.ints(0))
    place = ops.range(np.int32(0), seq, np.int32(1), "i32")
    row = ops.subtract(ops.unsqueeze(place, layers.ints(0)), ops.unsqueeze(place, layers.ints(1)))
    # A batch may be padded past the longest text.
    row = ops.clamp(ops.add(row, np.int32(length - 1)), 0, 2 * length - 2)
    per_pair = ops.gather(layers.weight(by_distance), row, layers.ints(0))
    return ops.unsqueeze(ops.transpose(per_pair, layers.ints(2, 0, 1)), layers.ints(0))
