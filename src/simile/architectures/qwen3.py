"""The `qwen3` architecture as an OpenVINO graph: token ids to one vector per token.

Covers Qwen3-Embedding and Qwen3-Reranker: pre-norm decoder, causal, rotary positions, queries and
keys normed by head. Yang et al. 2025, https://arxiv.org/abs/2505.09388, section 2; tensor names as
transformers writes them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from simile.architectures.architecture import EncoderArchitecture, Sizes, Tokens
from simile.architectures.bricks import layers
from simile.architectures.bricks.attention import Window
from simile.architectures.bricks.causal import Causal
from simile.architectures.bricks.grouped import GroupedLayer, Heads
from simile.architectures.bricks.layer_types import LOCAL, read_layer_types
from simile.architectures.bricks.rotary import Rotary, read_frequencies
from simile.architectures.bricks.shared_prefix import SharedPrefix
from simile.architectures.bricks.weights import Weights
from simile.checkpoints.configuration import Configuration
from simile.checkpoints.tensors import Floats, Tensors
from simile.errors import UnsupportedModelError
from simile.graph import Node, ops

Attend = Callable[[Node, Node, Node], Node]


@dataclass(frozen=True)
class Architecture(EncoderArchitecture):
    """The keys of config.json that change the numbers."""

    sizes: Sizes
    heads: Heads
    hidden_act: str
    frequencies: Floats
    windows: tuple[int | None, ...]
    """By layer: how many tokens, itself included, a token sees backwards; None is all."""
    ignored_tensors = ("lm_head.weight", "rotary_emb.inv_freq")
    is_causal = True

    @classmethod
    def parse(cls, configuration: Configuration) -> "Architecture":
        """Read config.json; CheckpointError names a bad key, UnsupportedModelError a variant."""
        sizes = Sizes.read(
            configuration, eps="rms_norm_eps", default_eps=1e-6, context_length=32_768
        )
        heads = Heads.parse(configuration, 128)
        return cls(
            sizes,
            heads,
            hidden_act=configuration.text("hidden_act", "silu"),
            frequencies=_frequencies(configuration, heads.size),
            windows=_windows(configuration, sizes.layer_count),
        )

    def build(self, tensors: Tensors, tokens: Tokens) -> Node:
        """Build the encoder; see EncoderArchitecture."""
        rotary = Rotary(tokens.input_ids, self.frequencies, self.sizes.context_length)
        reaches = {window for window in self.windows if window is not None}
        ways: dict[int | None, Attend] = {
            reach: Window(tokens.token_mask, reach - 1, backwards=True).attend for reach in reaches
        }
        ways[None] = Causal.whole(tokens.input_ids).attend
        return self._encode(tensors, tokens.input_ids, rotary, ways)

    def build_sharing_prefix(self, tensors: Tensors, tokens: Tokens) -> Node:
        """As build, where what all texts of a batch begin with is computed once."""
        if any(self.windows):
            return self.build(tensors, tokens)
        prefix, length = SharedPrefix(tokens), self.sizes.context_length
        # Padding may reach past the last place.
        places = ops.minimum(prefix.places, np.int64(length - 1))
        rotary = Rotary(prefix.flat_ids, self.frequencies, length, places=places)
        hidden = self._encode(tensors, prefix.flat_ids, rotary, {None: prefix.attend})
        return prefix.unfold(hidden)

    def _encode(
        self, tensors: Tensors, input_ids: Node, rotary: Rotary, ways: Mapping[int | None, Attend]
    ) -> Node:
        """Pass ids through all layers, each attending in the way of its window."""
        weights = Weights.find(tensors, "embed_tokens.weight", "model.")
        sizes = self.sizes
        words = weights.take_matrix("embed_tokens.weight", sizes.vocab_size, sizes.width)
        hidden = layers.embed(words, input_ids)
        for number, reach in enumerate(self.windows):
            own = weights.under(f"layers.{number}.")
            layer = GroupedLayer(own, sizes, self.heads, self.hidden_act)
            query, key, value = layer.project(layer.norm(hidden, "input_layernorm"), rotary)
            mixed = ways[reach](query, layer.share(key), layer.share(value))
            hidden = ops.add(hidden, layer.mix(mixed))
            grown = layer.gated(layer.norm(hidden, "post_attention_layernorm"))
            hidden = ops.add(hidden, grown)
        return layers.rms_norm(hidden, weights.take("norm.weight", sizes.width), eps=sizes.norm_eps)


def _frequencies(configuration: Configuration, size: int) -> Floats:
    """Read the rotary positions of either layout; older files put the base beside the scaling."""
    given = configuration.values.get("rope_parameters") or configuration.values.get("rope_scaling")
    base = configuration.number("rope_theta", 10_000.0)
    return read_frequencies(configuration, given or {}, size, base=base)


def _windows(configuration: Configuration, layer_count: int) -> tuple[int | None, ...]:
    kinds = read_layer_types(configuration, layer_count)
    is_on = configuration.flag("use_sliding_window", False)
    reach = configuration.size("sliding_window", 4096) if is_on else None
    if kinds is None:
        first = configuration.count("max_window_layers", 28)
        return tuple(reach if n >= first else None for n in range(layer_count))
    if LOCAL in kinds and not is_on:
        raise UnsupportedModelError(
            f"{configuration.where}: layer_types with {LOCAL!r} is not built here where "
            "use_sliding_window is false"
        )
    return tuple(reach if kind == LOCAL else None for kind in kinds)
