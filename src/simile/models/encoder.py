"""Turn a checkpoint into one OpenVINO graph: token ids to text vectors.

Chooses the architecture by config.json's model_type; does not know devices, threads or HTTP.
"""

from typing import TYPE_CHECKING, Any

from simile.architectures.architecture import Architecture, Tokens, read_architecture
from simile.checkpoints.checkpoint import Checkpoint
from simile.checkpoints.onnx import OnnxCheckpoint
from simile.checkpoints.open import open_checkpoint
from simile.checkpoints.tensors import Tensors
from simile.models.facts import ModelFacts
from simile.models.local_model import LocalModel
from simile.models.modules import (
    Dense,
    Modules,
    read_modules,
    read_prompt_facts,
    read_widths,
    read_window,
    vector_width,
)
from simile.models.tokenizer import Tokenizer

if TYPE_CHECKING:
    from simile.graph import Model, Node


class Encoder:
    """A checkpoint, read and checked; holds the weights that its graph points into."""

    def __init__(self, model: LocalModel, checkpoint: Checkpoint | None = None) -> None:
        """Read config and headers; CheckpointError or UnsupportedModelError if they do not do."""
        self._checkpoint = checkpoint or open_checkpoint(model.path)
        self._architecture = _read_architecture(self._checkpoint)
        self._modules = _read_modules(self._checkpoint)
        self._tensors = self._checkpoint.tensors()
        self.facts = self._read_facts(model)
        self.width = self._architecture.sizes.width
        """Of the token vectors; the text vector's is facts.dim."""

    def tokenizer(self) -> Tokenizer:
        """Load the checkpoint's tokenizer; CheckpointError where there is none."""
        return Tokenizer(self._checkpoint.tokenizer(), lowercase=self.facts.lowercase)

    def graph(self) -> "Model":
        """Build the graph: input_ids and token_mask (batch, seq) int32 to (batch, dim) float32."""
        import numpy as np

        from simile.architectures.bricks.pooling import pool
        from simile.graph import Model, ops

        input_ids = ops.parameter([-1, -1], np.int32, name="input_ids")
        token_mask = ops.parameter([-1, -1], np.int32, name="token_mask")
        tokens = Tokens(input_ids, token_mask, first_only=self._modules.pooling == ("cls",))
        hidden = self._architecture.build(self._tensors, tokens)
        self._tensors.refuse_unknown(self._architecture.ignored_tensors)
        pooling = self._modules.pooling
        vector = pool(pooling, hidden, token_mask) if pooling else hidden
        for dense in self._modules.dense:
            vector = _dense(vector, dense, self._checkpoint.tensors(dense.folder))
        if self._modules.normalize:
            vector = _normalize(vector)
        return Model([vector], [input_ids, token_mask], "encoder")

    def let_go(self) -> None:
        """Give back the memory of weights that were read; a graph that is used reads them again."""
        self._tensors.let_go()

    def _read_facts(self, model: LocalModel) -> ModelFacts:
        sizes, modules = self._architecture.sizes, self._modules
        window, lowercase = read_window(self._checkpoint, sizes.context_length)
        model_type = str(self._checkpoint.config.get("model_type") or "onnx")
        width = vector_width(sizes.width, modules)
        dim, dimensions = read_widths(self._checkpoint, model, width)
        prompts, default_prompt = read_prompt_facts(self._checkpoint, model)
        return ModelFacts(
            model_type=model_type,
            dim=dim,
            parameter_count=self._tensors.parameter_count,
            weight_format=self._tensors.weight_format,
            layer_count=sizes.layer_count,
            head_count=sizes.head_count,
            feed_forward_size=sizes.feed_forward_size,
            layer_norm_eps=sizes.norm_eps,
            vocab_size=sizes.vocab_size,
            context_length=sizes.context_length,
            max_tokens=min(model.window or window, sizes.context_length),
            pooling="+".join(modules.pooling),
            normalize=modules.normalize,
            lowercase=lowercase,
            prompts=prompts,
            default_prompt=default_prompt,
            dimensions=dimensions,
            is_causal=getattr(self._architecture, "is_causal", False),
            layer_norm_before_cut=model.layer_norm_before_cut or model_type == "nomic_bert",
        )


def _read_modules(checkpoint: Checkpoint) -> Modules:
    """Read the steps after the encoder; an ONNX graph that pools by itself has none but one."""
    if not isinstance(checkpoint, OnnxCheckpoint) or not checkpoint.gives_text_vector:
        return read_modules(checkpoint)
    if checkpoint.find_json("modules.json") is None:
        return Modules((), (), normalize=False)
    return Modules((), (), normalize=read_modules(checkpoint).normalize)


def _read_architecture(checkpoint: Checkpoint) -> Architecture:
    if isinstance(checkpoint, OnnxCheckpoint):
        from simile.architectures.onnx import Architecture as OnnxArchitecture

        return OnnxArchitecture.read(checkpoint)
    return read_architecture(checkpoint.configuration)


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
