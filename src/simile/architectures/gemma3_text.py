"""The `gemma3_text` architecture as an OpenVINO graph: token ids to one vector per token.

Covers EmbeddingGemma: both directions, five of six layers local, a norm before and after each part.
Gemma Team 2025, https://arxiv.org/abs/2503.19786, section 2, and Vera et al. 2025,
https://arxiv.org/abs/2509.20354; tensor names as transformers writes them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from simile.architectures.architecture import EncoderArchitecture, Sizes, Tokens
from simile.architectures.bricks import attention, layers
from simile.architectures.bricks.causal import Causal
from simile.architectures.bricks.grouped import GroupedLayer, Heads
from simile.architectures.bricks.layer_types import GLOBAL, LOCAL, read_layer_types
from simile.architectures.bricks.rotary import Rotary, read_frequencies
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
    hidden_activation: str
    score_divisor: float
    """The scores are divided by its square root."""
    frequencies: Mapping[str, Floats]
    """Angles of the rotary positions by the kind of layer."""
    kinds: tuple[str, ...]
    """By layer, local or global."""
    window: int
    is_causal: bool
    ignored_tensors = ("lm_head.weight", "rotary_emb")

    @classmethod
    def parse(cls, configuration: Configuration) -> "Architecture":
        """Read config.json; CheckpointError names a bad key, UnsupportedModelError a variant."""
        # Of the scores' cap the reference reads the key, and does not apply it.
        configuration.only("attn_logit_softcapping", ())
        sizes = Sizes.read(
            configuration,
            eps="rms_norm_eps",
            default_eps=1e-6,
            vocab_size=262_208,
            context_length=131_072,
        )
        heads = Heads.parse(configuration, 256)
        every = configuration.size("sliding_window_pattern", 6)
        kinds = read_layer_types(configuration, sizes.layer_count) or tuple(
            LOCAL if number % every else GLOBAL for number in range(1, sizes.layer_count + 1)
        )
        return cls(
            sizes,
            heads,
            hidden_activation=configuration.text("hidden_activation", "gelu_pytorch_tanh"),
            score_divisor=configuration.number("query_pre_attn_scalar", 256),
            frequencies=_frequencies(configuration, heads.size),
            kinds=kinds,
            window=configuration.size("sliding_window", 4096),
            is_causal=not configuration.flag("use_bidirectional_attention", False),
        )

    def build(self, tensors: Tensors, tokens: Tokens) -> Node:
        """Build the encoder; see EncoderArchitecture."""
        weights = Weights.find(tensors, "embed_tokens.weight", "model.")
        rotaries, ways = {}, {}
        for kind in set(self.kinds):
            angles = self.frequencies[kind]
            rotaries[kind] = Rotary(tokens.input_ids, angles, self.sizes.context_length)
            ways[kind] = self._attend(kind, tokens)
        hidden = self._embed(weights, tokens.input_ids)
        for number, kind in enumerate(self.kinds):
            layer = self._layer(weights, f"layers.{number}.")
            hidden = _pass(layer, hidden, rotaries[kind], ways[kind])
        return self._layer(weights, "").norm(hidden, "norm")

    def _embed(self, weights: Weights, input_ids: Node) -> Node:
        sizes = self.sizes
        words = weights.take_matrix("embed_tokens.weight", sizes.vocab_size, sizes.width)
        return ops.multiply(layers.embed(words, input_ids), np.float32(sizes.width**0.5))

    def _layer(self, weights: Weights, name: str) -> GroupedLayer:
        scale = (self.heads.size / self.score_divisor) ** 0.5
        return GroupedLayer(
            weights.under(name), self.sizes, self.heads, self.hidden_activation, scale, 1.0
        )

    def _attend(self, kind: str, tokens: Tokens) -> Attend:
        if kind == LOCAL:
            # The file's window counts both sides; in a causal model, the token and what precedes.
            reach = self.window - 1 if self.is_causal else self.window // 2
            return attention.Window(tokens.token_mask, reach, backwards=self.is_causal).attend
        if self.is_causal:
            return Causal.whole(tokens.input_ids).attend
        mask = attention.padding_mask(tokens.token_mask)
        return lambda query, key, value: attention.attend(query, key, value, mask)


def _pass(layer: GroupedLayer, hidden: Node, rotary: Rotary, attend: Attend) -> Node:
    """Pass (batch, seq, width) through one layer."""
    query, key, value = layer.project(layer.norm(hidden, "input_layernorm"), rotary)
    mixed = layer.mix(attend(query, layer.share(key), layer.share(value)))
    hidden = ops.add(hidden, layer.norm(mixed, "post_attention_layernorm"))
    grown = layer.gated(layer.norm(hidden, "pre_feedforward_layernorm"))
    return ops.add(hidden, layer.norm(grown, "post_feedforward_layernorm"))


def _frequencies(configuration: Configuration, size: int) -> Mapping[str, Floats]:
    """Read the rotary positions of either layout; a scaling of the older one is the global's."""
    given: Any = configuration.values.get("rope_parameters") or {}
    if given and not set(given) <= {LOCAL, GLOBAL}:
        raise UnsupportedModelError(
            f"{configuration.where}: rope_parameters has {', '.join(map(str, given))}; "
            f"expected {GLOBAL} and {LOCAL}"
        )
    scaling = configuration.values.get("rope_scaling") or {}
    wide = {**(given.get(GLOBAL) or {}), **scaling}
    base = configuration.number("rope_theta", 1_000_000.0)
    local_base = configuration.number("rope_local_base_freq", 10_000.0)
    return {
        GLOBAL: read_frequencies(configuration, wide, size, base=base),
        LOCAL: read_frequencies(configuration, given.get(LOCAL) or {}, size, base=local_base),
    }
