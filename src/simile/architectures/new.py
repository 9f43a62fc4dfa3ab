"""The `new` architecture as an OpenVINO graph, which transformers 5 has as `gte`.

GTE en-v1.5 and multilingual, Arctic v2-m. BERT with rotary positions, a gated middle and one matrix
for queries, keys and values. Zhang et al. 2024, https://arxiv.org/abs/2407.19669; names as
Alibaba-NLP/new-impl and transformers 5 write them.
"""

from dataclasses import dataclass

import numpy as np

from simile.architectures.architecture import EncoderArchitecture, Sizes, Tokens
from simile.architectures.bricks.post_norm import read_head_size, read_sizes
from simile.architectures.bricks.rotary import frequencies, read_frequencies
from simile.architectures.bricks.rotary_post_norm import GatedNames, RotaryPostNorm
from simile.architectures.bricks.weights import Weights
from simile.checkpoints.configuration import Configuration
from simile.checkpoints.tensors import Floats, Tensors
from simile.graph import Node

_NAMES = GatedNames(
    layer="encoder.layer",
    joined="attention.qkv_proj",
    mixed="attention.o_proj",
    mixed_norm="attn_ln",
    up="mlp.up_gate_proj",
    gate="mlp.up_gate_proj",
    down="mlp.down_proj",
    norm="mlp_ln",
    attention_bias=True,
    down_bias=True,
)


@dataclass(frozen=True)
class Architecture(EncoderArchitecture):
    """The keys of config.json that change the numbers."""

    sizes: Sizes
    type_vocab_size: int
    hidden_act: str
    angles: Floats
    """Per place, of each pair of columns of a head."""
    ignored_tensors = (
        "embeddings.position_ids",
        "rotary_emb.",
        "inv_freq",
        "pooler.",
        "lm_head.",
        "classifier.",
    )

    @classmethod
    def parse(cls, configuration: Configuration) -> "Architecture":
        """Read config.json; CheckpointError names a bad key, UnsupportedModelError a variant."""
        configuration.only("position_embedding_type", ("rope",))
        configuration.only("layer_norm_type", ("layer_norm",))
        configuration.only("pack_qkv", (True,))
        configuration.only("logn_attention_scale", (False,))
        configuration.only("logn_attention_clip1", (False,))
        sizes = read_sizes(configuration)
        head_size = read_head_size(configuration, sizes)
        read = _read_own if configuration.text("model_type") == "new" else _read_transformers
        return cls(
            sizes,
            type_vocab_size=configuration.count("type_vocab_size", 1),
            hidden_act=configuration.text("hidden_act", "gelu"),
            angles=read(configuration, head_size),
        )

    def build(self, tensors: Tensors, tokens: Tokens) -> Node:
        """Build the encoder; see EncoderArchitecture."""
        name = "embeddings.word_embeddings.weight"
        weights = Weights.find(tensors, name, "new.", "gte.")
        encoder = RotaryPostNorm(weights, self.sizes, self.hidden_act, _NAMES)
        hidden = encoder.embed(tokens, "embeddings.LayerNorm", type_count=self.type_vocab_size)
        return encoder.encode(hidden, tokens, self.angles)


def _read_transformers(configuration: Configuration, head_size: int) -> Floats:
    configuration.only("rope_scaling", (None,))
    parameters = configuration.table("rope_parameters")
    return read_frequencies(configuration, parameters, head_size, base=160_000.0)


def _read_own(configuration: Configuration, head_size: int) -> Floats:
    """Read rope_theta and rope_scaling; its kind "ntk" widens the base and slows every pair.

    Su 2023, https://kexue.fm/archives/9706, equation 6.
    """
    base = configuration.number("rope_theta", 10_000.0)
    scaling = Configuration(
        configuration.table("rope_scaling"), f"{configuration.where}: rope_scaling"
    )
    if not scaling.values:
        return frequencies(head_size, base)
    scaling.only("type", ("ntk",))
    scaling.only("rope_type", ("ntk",))
    scaling.only("mixed_b", (None,))
    factor = scaling.number("factor")
    if factor <= 1:
        return frequencies(head_size, base)
    return frequencies(head_size, base * factor) / np.float32(factor ** (2 / head_size))
