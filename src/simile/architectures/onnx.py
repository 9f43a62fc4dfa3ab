"""An encoder as an ONNX file has it, put in the place of one that is built here.

Its inputs become ours: int32 ids and mask, converted; token types 0; positions counted from 0.
What the graph computes is not looked into, but an input of another name is refused.
"""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from simile.architectures.architecture import (
    ENDLESS,
    EncoderArchitecture,
    Sizes,
    Tokens,
    read_architecture,
)
from simile.checkpoints.configuration import Configuration
from simile.checkpoints.onnx import OnnxCheckpoint
from simile.checkpoints.tensors import Tensors
from simile.errors import UnsupportedModelError

if TYPE_CHECKING:
    from simile.graph import Model, Node

_OTHER_WORDS = {
    "hidden_size": ("dim", "d_model", "n_embd"),
    "num_hidden_layers": ("n_layers", "num_layers", "n_layer"),
    "num_attention_heads": ("n_heads", "num_heads", "n_head"),
    "intermediate_size": ("hidden_dim", "d_ff", "n_inner"),
    "max_position_embeddings": ("n_positions",),
}


@dataclass(frozen=True)
class Architecture(EncoderArchitecture):
    """The graph of one ONNX file; see EncoderArchitecture."""

    sizes: Sizes
    graph: "Model"
    output: str

    @classmethod
    def read(cls, checkpoint: OnnxCheckpoint) -> "Architecture":
        """Read graph and sizes. Raises CheckpointError or UnsupportedModelError."""
        graph = checkpoint.graph
        for given in graph.inputs:
            name, shape = given.get_any_name(), given.get_partial_shape()
            if name not in _INPUTS:
                raise UnsupportedModelError(
                    f"{checkpoint.place}: the ONNX model wants {name}, which is not built here; "
                    f"expected of {', '.join(_INPUTS)}"
                )
            if len(shape) != 2 or shape[0].is_static or shape[1].is_static:
                raise UnsupportedModelError(
                    f"{checkpoint.place}: the ONNX model reads {name} of shape {shape} only; "
                    "export it with dynamic batch and sequence axes"
                )
        width = graph.output(checkpoint.output).get_partial_shape()[-1]
        static_width = width.get_length() if width.is_static else None
        sizes = _sizes(checkpoint.configuration, static_width)
        return cls(sizes, graph, checkpoint.output)

    def build(self, tensors: Tensors, tokens: Tokens) -> "Node":
        """Return the graph on our inputs: vectors of tokens, or (batch, width) of texts."""
        from simile.graph import ops

        graph = self.graph.clone()
        for given in graph.inputs:
            node = _INPUTS[given.get_any_name()](tokens)
            kind = given.get_element_type().get_type_name()
            converted = ops.convert(node, kind)
            for target in given.get_target_inputs():
                target.replace_source_output(converted.output(0))
        result = graph.output(self.output).get_node()
        vectors: Node = ops.convert(result.input_value(0), "f32")
        return vectors


def _types(tokens: Tokens) -> "Node":
    from simile.graph import ops

    given = tokens.token_types
    return ops.multiply(tokens.token_mask, np.int32(0)) if given is None else given


def _positions(tokens: Tokens) -> "Node":
    """Count from 0; padding, which is on the right, goes on with the last number."""
    from simile.graph import ops

    return ops.subtract(ops.cum_sum(tokens.token_mask, np.int32(1)), np.int32(1))


_INPUTS = {
    "input_ids": lambda tokens: tokens.input_ids,
    "attention_mask": lambda tokens: tokens.token_mask,
    "token_type_ids": _types,
    "position_ids": _positions,
}


def _sizes(configuration: Configuration, width: int | None) -> Sizes:
    """Read the sizes as the architecture of that model_type does, else by their usual names."""
    try:
        sizes = read_architecture(configuration).sizes
        return replace(sizes, width=width or sizes.width)
    except UnsupportedModelError:
        pass

    def size(name: str, default: int | None = None) -> int:
        found = (
            word for word in (name, *_OTHER_WORDS.get(name, ())) if word in configuration.values
        )
        return configuration.size(next(found, name), default)

    return Sizes(
        vocab_size=size("vocab_size"),
        width=width or size("hidden_size"),
        layer_count=size("num_hidden_layers"),
        head_count=size("num_attention_heads"),
        feed_forward_size=size("intermediate_size", 4 * size("hidden_size")),
        norm_eps=configuration.number("layer_norm_eps", 1e-12),
        context_length=size("max_position_embeddings", ENDLESS),
    )
