"""Turn a checkpoint into one OpenVINO graph: token ids to text vectors.

Joins architecture, pooling and the modules after it; does not know devices, threads or HTTP.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from simile.architectures.architecture import EncoderArchitecture, Tokens
from simile.checkpoints.checkpoint import Checkpoint
from simile.checkpoints.tensors import Tensors
from simile.models.facts import ModelFacts
from simile.models.modules import Dense, Modules
from simile.models.tokenizer import Tokenizer

if TYPE_CHECKING:
    from simile.graph import Model, Node


@dataclass(frozen=True, eq=False)
class Encoder:
    """What a checkpoint's files say, and its weights, which the graph points into."""

    checkpoint: Checkpoint
    tensors: Tensors
    facts: ModelFacts
    architecture: EncoderArchitecture
    modules: Modules

    def tokenizer(self) -> Tokenizer:
        """Load the checkpoint's tokenizer. Raises CheckpointError if there is none."""
        return Tokenizer(self.checkpoint.tokenizer(), lowercase=self.facts.lowercase)

    def graph(self) -> "Model":
        """Build the graph: input_ids and token_mask (batch, seq) int32 to (batch, dim) float32."""
        import numpy as np

        from simile.architectures.bricks.pooling import pool
        from simile.graph import Model, ops

        input_ids = ops.parameter([-1, -1], np.int32, name="input_ids")
        token_mask = ops.parameter([-1, -1], np.int32, name="token_mask")
        tokens = Tokens(input_ids, token_mask, first_only=self.modules.pooling == ("cls",))
        hidden = self.architecture.build(self.tensors, tokens)
        self.tensors.refuse_unknown(self.architecture.ignored_tensors)
        pooling = self.modules.pooling
        vector = pool(pooling, hidden, token_mask) if pooling else hidden
        for dense in self.modules.dense:
            vector = _dense(vector, dense, self.checkpoint.tensors(dense.folder))
        if self.modules.normalize:
            vector = _normalize(vector)
        return Model([vector], [input_ids, token_mask], "encoder")

    def let_go(self) -> None:
        """Give back the memory of weights that were read; a graph that is used reads them again."""
        self.tensors.let_go()


def _dense(vector: "Node", dense: Dense, tensors: Tensors) -> "Node":
    from simile.architectures.bricks import layers

    matrix = tensors.take("linear.weight", (dense.width_out, dense.width_in))
    bias = tensors.take("linear.bias", (dense.width_out,)) if dense.bias else None
    tensors.refuse_unknown(())
    return layers.activation(layers.linear(vector, matrix, bias), dense.activation)


def _normalize(vector: "Node") -> "Node":
    """Scale to length 1; the divisor is at least 1e-12."""
    from simile.architectures.bricks.layers import ints
    from simile.graph import ops

    result: Any = ops.normalize_l2(vector, ints(1), 1e-24, "max")
    return result
