"""Turn a checkpoint into one OpenVINO graph: token ids to text vectors.

Chooses the architecture by config.json's model_type; does not know devices, threads or HTTP.
"""

from typing import TYPE_CHECKING, Any

from simile.errors import UnsupportedModelError
from simile.models.checkpoint import Checkpoint, Tensors
from simile.models.facts import ModelFacts, vector_width
from simile.models.local import LocalModel
from simile.models.modules import Dense, read_modules, read_prompts, read_window

if TYPE_CHECKING:
    from simile.models.graph import Model, Node

ARCHITECTURES = ("bert",)
"""The model_type values that are built here; each is the name of a module of this room."""


class Encoder:
    """A checkpoint, read and checked; holds the weights that its graph points into."""

    def __init__(self, model: LocalModel) -> None:
        """Read config and headers; CheckpointError or UnsupportedModelError if they do not do."""
        from simile.models.bert import BertConfig

        self._checkpoint = Checkpoint(model.folder)
        kind = self._checkpoint.config.get("model_type")
        if kind not in ARCHITECTURES:
            raise UnsupportedModelError(
                f"{model.folder / 'config.json'}: model_type {kind!r} is not built here; "
                f"expected one of: {', '.join(ARCHITECTURES)}"
            )
        self._config = BertConfig.parse(self._checkpoint.config)
        self._modules = read_modules(self._checkpoint)
        self._tensors = self._checkpoint.tensors()
        self.facts = self._read_facts(model)

    def graph(self) -> "Model":
        """Build the graph: input_ids and token_mask (batch, seq) int32 to (batch, dim) float32."""
        import numpy as np

        from simile.models import bert
        from simile.models.graph import Model, ops
        from simile.models.pooling import pool

        input_ids = ops.parameter([-1, -1], np.int32, name="input_ids")
        token_mask = ops.parameter([-1, -1], np.int32, name="token_mask")
        hidden = bert.build(self._config, self._tensors, input_ids, token_mask)
        vector = pool(self._modules.pooling, hidden, token_mask)
        for dense in self._modules.dense:
            vector = _dense(vector, dense, self._checkpoint.tensors(dense.folder))
        if self._modules.normalize:
            vector = _normalize(vector)
        return Model([vector], [input_ids, token_mask], "encoder")

    def _read_facts(self, model: LocalModel) -> ModelFacts:
        config, modules = self._config, self._modules
        window, lowercase = read_window(self._checkpoint, config.max_position_embeddings)
        return ModelFacts(
            model_type="bert",
            dim=vector_width(config.hidden_size, modules),
            parameter_count=self._tensors.parameter_count,
            weight_format=self._tensors.weight_format,
            layer_count=config.num_hidden_layers,
            head_count=config.num_attention_heads,
            feed_forward_size=config.intermediate_size,
            layer_norm_eps=config.layer_norm_eps,
            vocab_size=config.vocab_size,
            context_length=config.max_position_embeddings,
            max_tokens=min(model.window or window, config.max_position_embeddings),
            pooling="+".join(modules.pooling),
            normalize=modules.normalize,
            lowercase=lowercase,
            prompts=read_prompts(self._checkpoint) or model.prompts,
        )


def _dense(vector: "Node", dense: Dense, tensors: Tensors) -> "Node":
    from simile.models import layers

    matrix = tensors.take("linear.weight", (dense.width_out, dense.width_in))
    bias = tensors.take("linear.bias", (dense.width_out,)) if dense.bias else None
    tensors.refuse_unknown(())
    return layers.activation(layers.linear(vector, matrix, bias), dense.activation)


def _normalize(vector: "Node") -> "Node":
    """Scale to length 1; the divisor is at least 1e-12."""
    from simile.models.graph import ops
    from simile.models.layers import ints

    result: Any = ops.normalize_l2(vector, ints(1), 1e-24, "max")
    return result
